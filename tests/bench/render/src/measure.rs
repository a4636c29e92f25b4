//! What one run of a program costs.
//!
//! Each run is started by a small process of its own, which then asks the kernel about its children: so processor
//! time is exact to the microsecond, and the peak of memory is that of this run and of no other.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use rustix::process::{Pid, Signal, kill_process};

/// The longest a run may take.
pub(crate) const LIMIT: Duration = Duration::from_mins(10);

/// What a run cost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// Processor time, of user and system together, in milliseconds.
    pub(crate) cpu: f64,
    /// Time on the clock, in milliseconds.
    pub(crate) wall: f64,
    /// The peak of resident memory, in megabytes.
    pub(crate) memory: f64,
}

/// Runs `program` and keeps what it prints in `out`. None if it had to be stopped.
pub(crate) fn run(this: &Path, program: &Path, args: &[&Path], out: &Path) -> Result<Option<Cost>> {
    let output = Command::new(this)
        .arg("measure")
        .arg(out)
        .arg(program)
        .args(args)
        .stderr(Stdio::inherit())
        .output()?;
    let told = String::from_utf8(output.stdout)?;
    let numbers: Vec<f64> = told
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    match numbers[..] {
        [cpu, wall, memory] => Ok(Some(Cost { cpu, wall, memory })),
        _ if told.trim() == "stopped" => Ok(None),
        _ => bail!("{} failed", program.display()),
    }
}

/// The small process: runs the program, prints its cost.
pub(crate) fn child(words: &[&str]) -> Result<()> {
    let [out, program, args @ ..] = words else {
        bail!("usage: render-bench measure OUT PROGRAM ARGS…");
    };
    let out = File::create(PathBuf::from(out))?;
    let began = Instant::now();
    let mut child = Command::new(program).args(args).stdout(out).spawn()?;
    let pid = Pid::from_child(&child);
    let (done, wait) = mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let late = wait.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout);
        // A program that ended this moment is no matter.
        late && kill_process(pid, Signal::KILL).is_ok()
    });
    let status = child.wait()?;
    let wall = began.elapsed();
    drop(done);
    if watch.join().is_ok_and(|stopped| stopped) {
        return crate::say("stopped");
    }
    if !status.success() {
        bail!("{program}: {status}");
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("the kernel counts")?;
    let cpu = usage.user_time() + usage.system_time();
    let millis = |micros: f64| micros / 1_000.0;
    #[expect(
        clippy::cast_precision_loss,
        reason = "times and sizes are far below 2^52"
    )]
    let (cpu, memory) = (cpu.num_microseconds() as f64, usage.max_rss() as f64);
    let wall = wall.as_secs_f64() * 1_000.0;
    crate::say(&format!("{} {wall} {}", millis(cpu), memory / 1_024.0))
}
