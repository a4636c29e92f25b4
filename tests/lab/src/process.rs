//! A program under test: its log, its signals, and its certain end.
//!
//! The program runs in a process group of its own, so that Ctrl-C at the terminal reaches only us, and the whole group is
//! killed on drop. A small shell beside it waits on a pipe that closes when we are gone, however that happened, and kills
//! the group then.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// How often an ending program is looked at.
const POLL: Duration = Duration::from_millis(10);
/// The unit of times in `/proc`, the same on every Linux.
const MILLIS_PER_TICK: u64 = 10;
/// Lines of the log shown when something went wrong.
const TAIL: usize = 40;

/// A running (or ended) program; dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    group: Pid,
    child: Mutex<Child>,
    watchdog: Option<Child>,
}

/// A program could not be started, or did not end as it should.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started at all.
    #[error("cannot start {program}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It did not end in the time given; the end of its log is included.
    #[error("{program} has not ended after {within:?}; its log ends:\n{tail}")]
    StillRunning {
        /// The program.
        program: String,
        /// The time given.
        within: Duration,
        /// The last lines of its log.
        tail: String,
    },
}

impl Process {
    /// Starts `command` with both its outputs appended to the file `log`.
    pub fn spawn(name: &str, command: Command, log: &Path) -> Result<Self, ProcessError> {
        let start = || {
            let mut process = Self::spawn_unguarded(name, command, log)?;
            process.watchdog = Some(watchdog(process.id())?);
            Ok(process)
        };
        start().map_err(|source| ProcessError::Start {
            program: name.to_owned(),
            source,
        })
    }

    /// The same for a program that ends by itself when its standard input closes.
    pub(crate) fn spawn_unguarded(
        name: &str,
        mut command: Command,
        log: &Path,
    ) -> io::Result<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        command
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0);
        let child = command.spawn()?;
        let group = Pid::from_child(&child);
        let (name, log) = (name.to_owned(), log.to_owned());
        Ok(Self {
            name,
            log,
            group,
            child: Mutex::new(child),
            watchdog: None,
        })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.group.as_raw_nonzero().get().unsigned_abs()
    }

    /// Its log file.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Whether it still runs.
    pub fn running(&self) -> bool {
        self.exit().is_none()
    }

    /// How it ended, once it has.
    pub fn exit(&self) -> Option<ExitStatus> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.try_wait().ok().flatten()
    }

    /// SIGTERM: asks it to end.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGKILL: ends it where it stands.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// SIGSTOP: freezes it until [`Process::resume`].
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT: lets it run on after [`Process::pause`].
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// SIGINT: what Ctrl-C sends.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Waits for its end.
    pub async fn wait(&self, within: Duration) -> Result<ExitStatus, ProcessError> {
        let since = Instant::now();
        loop {
            if let Some(status) = self.exit() {
                return Ok(status);
            }
            if since.elapsed() > within {
                let (program, tail) = (self.name.clone(), self.tail());
                return Err(ProcessError::StillRunning {
                    program,
                    within,
                    tail,
                });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Everything it has printed.
    pub fn output(&self) -> String {
        fs::read(&self.log)
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .unwrap_or_default()
    }

    /// The last lines it printed.
    pub fn tail(&self) -> String {
        let text = self.output();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }

    /// Its memory in use (resident set), in bytes; 0 where the system does not tell.
    pub fn resident_bytes(&self) -> u64 {
        self.status_kilobytes("VmRSS:") * 1024
    }

    /// Of its memory in use, what is no page of a file, in bytes; 0 where the system does not tell.
    pub fn anonymous_bytes(&self) -> u64 {
        self.status_kilobytes("RssAnon:") * 1024
    }

    /// The most memory it ever used (resident set), in bytes; 0 where the system does not tell.
    pub fn peak_bytes(&self) -> u64 {
        self.status_kilobytes("VmHWM:") * 1024
    }

    /// The processor time it has used, its own and the kernel's on its behalf; zero where the system does not tell.
    pub fn processor_time(&self) -> Duration {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap_or_default();
        // The name may hold spaces; the fields after it do not. Times are the 14th and 15th of all.
        let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
        let times = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = times.filter_map(|time| time.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * MILLIS_PER_TICK)
    }

    fn status_kilobytes(&self, field: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(field))
            .unwrap_or_default();
        line.split_whitespace()
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or(0)
    }

    /// A program that has ended has had its exit read, so its id may belong to somebody else by now.
    fn signal(&self, signal: Signal) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(child.try_wait(), Ok(None)) {
            // The only failure left is that it ended this instant, which is what most signals ask for.
            let _ = kill_process_group(self.group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = child.wait();
        if let Some(watchdog) = &mut self.watchdog {
            let _ = watchdog.kill();
            let _ = watchdog.wait();
        }
    }
}

/// Kills the group once our end of the pipe is closed; we never write to it.
fn watchdog(group: u32) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", "read -r _; kill -s KILL -- \"-$1\"", "watchdog"])
        .arg(group.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}
