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
        // A look that answers at once never runs into the limit above.
        if since.elapsed() >= within {
            return Err(NotYet { within, last });
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::{NotYet, eventually};

    const SHORT: Duration = Duration::from_millis(120);

    #[tokio::test]
    async fn ends_as_soon_as_it_is_true() {
        let looks = Cell::new(0);
        let look = || async {
            looks.set(looks.get() + 1);
            if looks.get() == 3 {
                Ok(looks.get())
            } else {
                Err("too early")
            }
        };
        assert_eq!(eventually(Duration::from_mins(1), look).await, Ok(3));
    }

    #[tokio::test]
    async fn gives_up_with_the_last_words_of_a_look_that_answers_at_once() {
        let error = eventually(SHORT, || async { Err::<(), _>("no pod") }).await;
        assert_eq!(
            error,
            Err(NotYet {
                within: SHORT,
                last: "no pod".into()
            })
        );
    }

    #[tokio::test]
    async fn gives_up_on_a_look_that_never_answers() {
        let never = || std::future::pending::<Result<(), String>>();
        let error = eventually(SHORT, never).await.unwrap_err();
        assert_eq!(error.last, "the first look did not end");
    }
}
