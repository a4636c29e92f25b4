//! Programs under test end when they should and say why when they do not.

use std::process::Command;
use std::time::Duration;

use lab::{Process, eventually};

const SOON: Duration = Duration::from_secs(20);

fn shell(script: &str) -> (tempfile::TempDir, Process) {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    let process = Process::spawn("script", command, &directory.path().join("log")).unwrap();
    (directory, process)
}

async fn prints(process: &Process, text: &str) {
    let look = || async {
        if process.output().contains(text) {
            Ok(())
        } else {
            Err(process.output())
        }
    };
    eventually(SOON, look).await.unwrap();
}

#[tokio::test]
async fn sigterm_can_be_caught_and_the_exit_is_told() {
    let (_keep, process) =
        shell("trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done");
    prints(&process, "up").await;
    process.terminate();
    let status = process.wait(SOON).await.unwrap();
    assert_eq!((status.code(), process.running()), (Some(3), false));
    prints(&process, "bye").await;
}

#[tokio::test]
async fn a_paused_program_stands_still_and_runs_on() {
    let (_keep, process) = shell("echo up; read -r _; echo on");
    prints(&process, "up").await;
    process.pause();
    let state = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
        stat.rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .next()
            .unwrap()
            .to_owned()
    };
    eventually(SOON, || async {
        if state() == "T" { Ok(()) } else { Err(state()) }
    })
    .await
    .unwrap();
    process.resume();
    eventually(SOON, || async {
        if state() == "S" { Ok(()) } else { Err(state()) }
    })
    .await
    .unwrap();
    assert!(process.resident_bytes() > 0 && process.peak_bytes() >= process.resident_bytes());
}

#[tokio::test]
async fn one_that_does_not_end_is_told_with_its_last_words() {
    let (_keep, process) = shell("echo I will not; sleep 1000");
    prints(&process, "I will not").await;
    let error = process
        .wait(Duration::from_millis(100))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("has not ended") && error.contains("I will not"),
        "{error}"
    );
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let command = Command::new("/no/such/program");
    let error = Process::spawn("agent", command, &directory.path().join("log")).unwrap_err();
    assert_eq!(error.to_string(), "cannot start agent");
}
