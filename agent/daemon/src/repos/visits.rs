//! How many repos are looked at at the same time.
//!
//! A look blocks a thread, and a server that accepts and never answers blocks it for as long as the look may take. So looks
//! have threads of their own, which nothing else waits for, and two kinds of place: few for looks that have just begun, and
//! many for those that take long, into which a look moves after a moment. A repo whose last look took long begins there.
//! However many servers hang, a good one waits for none of them. What a look does is not known here.

use std::{io, sync::Arc, thread, time::Duration};

use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, timeout},
};

/// Looks that have just begun. As many as a good network and two cores can make use of.
const BRISK: usize = 128;
/// Looks that take long. Each waits on a socket and costs two threads, some 50 kB of memory.
const LONG: usize = 512;
/// A look that takes longer has met a slow server, or a large repo for the first time.
const MOMENT: Duration = Duration::from_secs(2);

/// The places of all repos of this process.
#[derive(Clone)]
pub(super) struct Visits {
    brisk: Arc<Semaphore>,
    long: Arc<Semaphore>,
    moment: Duration,
}

/// What a look came to.
pub(super) struct Visited<T> {
    pub(super) out: T,
    /// True if it took so long that the next one begins among those that do.
    pub(super) was_long: bool,
}

/// Why a look came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum VisitError {
    /// The system gives us no more threads.
    #[error("no thread to look at the repository with")]
    NoThread(#[source] io::Error),
    /// A fault of ours.
    #[error("looking at the repository broke off")]
    BrokeOff,
}

impl Visits {
    pub(super) fn new() -> Self {
        Self::with(BRISK, LONG, MOMENT)
    }

    fn with(brisk: usize, long: usize, moment: Duration) -> Self {
        Self {
            brisk: Arc::new(Semaphore::new(brisk)),
            long: Arc::new(Semaphore::new(long)),
            moment,
        }
    }

    /// Runs `look` on a thread of its own once there is a place. Dropped, it lets the place go; that the look itself ends
    /// is for the caller to see to.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        was_long: bool,
        look: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Visited<T>, VisitError> {
        let kind = if was_long { &self.long } else { &self.brisk };
        // Nobody closes them.
        let mut place = kind.clone().acquire_owned().await.ok();
        let began = Instant::now();
        let (tell, mut told) = oneshot::channel();
        let work = move || {
            // Whoever no longer waits has no use for it.
            let _ = tell.send(look());
        };
        let thread = thread::Builder::new().name("git-look".to_owned());
        thread.spawn(work).map_err(VisitError::NoThread)?;
        let soon = timeout(self.moment, &mut told).await;
        let out = if let Ok(out) = soon {
            out
        } else {
            if !was_long && let Ok(other) = self.long.clone().try_acquire_owned() {
                place = Some(other);
            }
            told.await
        };
        drop(place);
        let out = out.map_err(|_| VisitError::BrokeOff)?;
        let was_long = began.elapsed() > self.moment;
        Ok(Visited { out, was_long })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A look that hangs until the sender is dropped.
    fn hanging() -> (mpsc::Sender<()>, impl FnOnce() + Send + 'static) {
        let (hold, held) = mpsc::channel::<()>();
        let look = move || {
            let _ = held.recv();
        };
        (hold, look)
    }

    #[tokio::test]
    async fn those_that_hang_hold_up_no_good_one_and_later_wait_among_themselves() {
        const MOMENT: Duration = Duration::from_millis(200);
        let visits = Visits::with(2, 4, MOMENT);
        let mut holds = Vec::new();
        for _ in 0..4 {
            let (hold, look) = hanging();
            let visits = visits.clone();
            let task = tokio::spawn(async move { visits.run(false, look).await });
            holds.push((hold, task));
            // So that it stands in the queue before the good one.
            tokio::task::yield_now().await;
        }
        // Two hang in the brisk places; they and the two after them move on after a moment each.
        let good = timeout(MOMENT * 20, visits.run(false, || 7)).await;
        let good = good.expect("in time").expect("looked");
        assert_eq!((good.out, good.was_long), (7, false));
        let all_four = async {
            while visits.long.available_permits() > 0 {
                tokio::task::yield_now().await;
            }
        };
        let all_four = timeout(MOMENT * 20, all_four).await;
        all_four.expect("all four hang there");
        let fifth = timeout(MOMENT, visits.run(true, || 8)).await;
        assert!(fifth.is_err(), "known to hang, it waits for them");
        for (hold, task) in holds {
            drop(hold);
            let ended = task.await.expect("no panic").expect("looked");
            assert!(ended.was_long);
        }
        let free = (&visits.brisk, &visits.long);
        assert_eq!(
            (free.0.available_permits(), free.1.available_permits()),
            (2, 4)
        );
    }

    #[tokio::test]
    async fn a_look_that_panics_is_told() {
        let broken = Visits::new().run(false, || panic!("a fault of ours")).await;
        assert!(matches!(
            broken,
            Err::<Visited<()>, _>(VisitError::BrokeOff)
        ));
    }
}
