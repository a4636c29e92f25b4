//! Whatever ends the program that holds a control plane, its processes and its folder go.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lab::{ControlPlane, Options, Process, eventually};

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
    let running = processes_of(&directory);
    assert!(
        running.iter().any(|line| line.contains("sleep 1000")),
        "{running:?}"
    );
    assert_eq!(
        running.len(),
        7,
        "five parts, the sweeper and the program under test: {running:?}"
    );
    victim.kill();
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
#[expect(
    clippy::print_stdout,
    reason = "how the victim tells its killer that it is up"
)]
async fn victim_of_the_kill() {
    if std::env::var_os(VICTIM).is_none() {
        return;
    }
    let lab = ControlPlane::shared().await;
    let mut agent = Command::new("sh");
    agent.args(["-c", "sleep 1000; true"]).arg(lab.directory());
    let _agent = Process::spawn("agent", agent, &lab.directory().join("agent.log")).unwrap();
    fs::write(
        std::env::var_os(VICTIM).unwrap(),
        lab.directory().display().to_string(),
    )
    .unwrap();
    println!("ready");
    std::future::pending::<()>().await;
}

/// Killed also when the test that meant to kill it has failed before.
struct Victim(Child);

impl Victim {
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.kill();
    }
}

fn victim() -> (Victim, PathBuf) {
    let note = tempfile::NamedTempFile::new().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "leaves_nothing::victim_of_the_kill",
            "--nocapture",
        ])
        .env(VICTIM, note.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Victim(child);
    let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
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
