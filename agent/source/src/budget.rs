//! The bounds of one operation on the network: a deadline, a stop flag, a number of bytes, and the first fault.
//!
//! Libraries between us and the socket turn errors into text of their own. So whoever sees a fault first writes it
//! down here, and the operation reports that one.

use std::{
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use crate::{FetchError, Reason, fetch_error::plain};

/// How late a stop may be noticed. Many operations may hang at the same time, and each looks up this often.
const TICK: Duration = Duration::from_millis(200);

/// Shared by everyone who works on one operation.
pub(crate) struct Budget {
    halt: AtomicBool,
    halted: Notify,
    bytes: AtomicU64,
    most: u64,
    until: Instant,
    allowed: Duration,
    fault: Mutex<Option<FetchError>>,
}

impl Budget {
    pub(crate) fn new(allowed: Duration, most: u64) -> Self {
        Self {
            halt: AtomicBool::new(false),
            halted: Notify::new(),
            bytes: AtomicU64::new(0),
            most,
            until: Instant::now() + allowed,
            allowed,
            fault: Mutex::new(None),
        }
    }

    /// Bytes received so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Set once the operation must end; Git's own loops watch it.
    pub(crate) fn halt(&self) -> &AtomicBool {
        &self.halt
    }

    /// Fails once the operation must end.
    pub(crate) fn check(&self) -> io::Result<()> {
        match self.halt.load(Ordering::Relaxed) {
            true => Err(io::Error::other("the operation was cut short")),
            false => Ok(()),
        }
    }

    /// Waits until the operation must end.
    pub(crate) async fn halted(&self) {
        loop {
            let halted = self.halted.notified();
            if self.halt.load(Ordering::Relaxed) {
                return;
            }
            halted.await;
        }
    }

    /// Counts bytes that came in, and fails when there are too many.
    pub(crate) fn receive(&self, count: usize) -> io::Result<()> {
        let seen = self.bytes.fetch_add(count as u64, Ordering::Relaxed) + count as u64;
        if seen > self.most {
            let text = format!("the server sent more than {} bytes", self.most);
            return Err(self.fail(FetchError::new(Reason::TooLarge, text)));
        }
        self.check()
    }

    /// Writes the fault down unless there is one, and makes the error that unwinds the libraries.
    pub(crate) fn fail(&self, fault: FetchError) -> io::Error {
        let error = io::Error::other(fault.to_string());
        self.slot().get_or_insert(fault);
        error
    }

    /// Takes the fault out, so that a second try starts clean.
    pub(crate) fn fault(&self) -> Option<FetchError> {
        self.slot().take()
    }

    /// Runs `work`; when time is up or `stop` is set, `cut` is called to end what blocks.
    pub(crate) fn watch<T>(
        &self,
        stop: &AtomicBool,
        cut: impl Fn() + Send,
        work: impl FnOnce() -> T,
    ) -> T {
        let (done, ended) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(self.rest()) {
                    if let Some(fault) = self.due(stop) {
                        self.fail(fault);
                        self.halt.store(true, Ordering::Relaxed);
                        self.halted.notify_waiters();
                        return cut();
                    }
                }
            });
            let out = work();
            drop(done);
            out
        })
    }

    fn rest(&self) -> Duration {
        TICK.min(self.until.saturating_duration_since(Instant::now()))
    }

    fn due(&self, stop: &AtomicBool) -> Option<FetchError> {
        if stop.load(Ordering::Relaxed) {
            return Some(FetchError::new(
                Reason::Stopped,
                "stopped while talking to the server",
            ));
        }
        (Instant::now() >= self.until).then(|| {
            let text = format!("the server took longer than {:?}", self.allowed);
            FetchError::new(Reason::Timeout, text)
        })
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<FetchError>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What Git's own code complained about, when nobody below wrote a fault down.
pub(crate) fn judge(error: &gix::Error) -> FetchError {
    let chain: Vec<String> = error.iter_errors().map(ToString::to_string).collect();
    let text = plain(&chain.join(": "));
    let io = error.downcast_any_ref::<io::Error>().map(io::Error::kind);
    let reason = match io {
        _ if text.contains("not our ref") => Reason::RevisionGone,
        _ if text.contains("epository not found") => Reason::RepositoryNotFound,
        Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe) => Reason::Interrupted,
        Some(
            io::ErrorKind::StorageFull
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::QuotaExceeded,
        ) => Reason::Storage,
        _ if error.is_resource_exhausted() => Reason::TooLarge,
        _ if error.is_unsupported() => Reason::Unsupported,
        _ if error.is_corrupted() => Reason::Corrupt,
        _ if error.can_retry_lenient() => Reason::Interrupted,
        _ => Reason::NotGit,
    };
    FetchError::new(reason, text)
}
