//! Whatever ends the program that holds a control plane, its processes and its folder go.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lab::{ControlPlane, Options, eventually};

const SOON: Duration = Duration::from_secs(30);
/// Set for the run of this binary that is to be killed.
const VICTIM: &str = "LAB_TEST_VICTIM";

/// Processes of which some argument lies in `directory`.
fn processes_of(directory: &Path) -> Vec<String> {
    let name = directory.display().to_string();
    let commands = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            Some(String::from_utf8_lossy(&line).replace('\0', " "))
        });
    commands.filter(|line| line.contains(&name)).collect()
}

async fn gone(directory: &Path) {
    let look = || async {
        let left = processes_of(directory);
        if left.is_empty() && !directory.exists() {
            Ok(())
        } else {
            Err(format!("left: {left:?}"))
        }
    };
    eventually(SOON, look).await.unwrap();
}

#[tokio::test]
async fn after_a_drop() {
    let lab = ControlPlane::start(Options::apiserver_only())
        .await
        .unwrap();
    let directory = lab.directory().to_owned();
    assert_eq!(
        processes_of(&directory).len(),
        3,
        "etcd, the API server and the sweeper"
    );
    drop(lab);
    assert!(
        processes_of(&directory).is_empty(),
        "nothing is left the moment drop returns"
    );
    assert!(!directory.exists());
}

#[tokio::test]
async fn after_a_kill_nobody_can_catch() {
    let (mut victim, directory) = victim();
    assert!(!processes_of(&directory).is_empty());
    victim.kill().unwrap();
    victim.wait().unwrap();
    gone(&directory).await;
}

#[tokio::test]
async fn after_a_panic() {
    let lab = ControlPlane::start(Options::apiserver_only())
        .await
        .unwrap();
    let directory = lab.directory().to_owned();
    let task = tokio::spawn(async move {
        let _lab = lab;
        panic!("a test that fails");
    });
    assert!(task.await.is_err());
    gone(&directory).await;
}

/// Not a test of its own: what `after_a_kill_nobody_can_catch` runs and kills. It keeps its control plane in the
/// static, which no clean-up ever reaches.
#[tokio::test]
async fn victim_of_the_kill() {
    if std::env::var_os(VICTIM).is_none() {
        return;
    }
    let lab = ControlPlane::shared().await;
    fs::write(
        std::env::var_os(VICTIM).unwrap(),
        lab.directory().display().to_string(),
    )
    .unwrap();
    println!("ready");
    std::future::pending::<()>().await;
}

fn victim() -> (Child, PathBuf) {
    let note = tempfile::NamedTempFile::new().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "leaves_nothing::victim_of_the_kill",
            "--nocapture",
        ])
        .env(VICTIM, note.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(
        lines
            .map_while(Result::ok)
            .any(|line| line.contains("ready")),
        "the victim never started"
    );
    (
        child,
        PathBuf::from(fs::read_to_string(note.path()).unwrap()),
    )
}
