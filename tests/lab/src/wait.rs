//! Waiting for something to become true, for tests: poll until it is, or say what was still missing.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How often the condition is looked at: often enough not to slow a test, rarely enough not to load the server.
const POLL: Duration = Duration::from_millis(50);

/// The condition did not come true in time; holds what the last look said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("still not after {within:?}: {last}")]
pub struct NotYet {
    /// The time given.
    pub within: Duration,
    /// What the last look said.
    pub last: String,
}

/// Looks again and again until `look` gives `Ok`, at most for `within`; then fails with the last error.
///
/// ```
/// # async fn f() -> Result<(), lab::NotYet> {
/// let answer = lab::eventually(std::time::Duration::from_secs(5), || async {
///     std::fs::read_to_string("/tmp/answer").map_err(|error| format!("no answer: {error}"))
/// }).await?;
/// # Ok(()) }
/// ```
pub async fn eventually<T, E, F, Fut>(within: Duration, mut look: F) -> Result<T, NotYet>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: fmt::Display,
{
    let since = Instant::now();
    let mut last = String::from("the first look did not end");
    loop {
        let left = within.saturating_sub(since.elapsed());
        match tokio::time::timeout(left, look()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => return Err(NotYet { within, last }),
        }
        tokio::time::sleep(POLL).await;
    }
}

/// A name no other test in this machine uses now, good as a Kubernetes name: `shop-41207-3`.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!(
        "{prefix}-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}
