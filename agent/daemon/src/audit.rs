//! Whose turn it is to be audited: one environment at a time, a few objects a minute for all of them together.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use crate::backoff::spread;

/// The shortest pause between two turns: below it, a turn takes more objects instead of coming sooner, because
/// each turn renders once.
const PAUSE: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_mins(1);

/// Gives turns, first come, first served.
pub(crate) struct Turns {
    free: Arc<Semaphore>,
    pause: Duration,
    objects: usize,
}

/// A turn that is waited for; it says how many objects it is good for.
pub(crate) type Turn = Pin<Box<dyn Future<Output = usize> + Send + Sync>>;

impl Turns {
    /// `None` if nothing is to be audited.
    pub(crate) fn new(per_minute: u32) -> Option<Self> {
        let most = MINUTE.as_secs() / PAUSE.as_secs();
        let turns = per_minute.min(u32::try_from(most).unwrap_or(1));
        (turns > 0).then(|| Self {
            free: Arc::new(Semaphore::new(1)),
            pause: MINUTE / turns,
            objects: per_minute.div_ceil(turns) as usize,
        })
    }

    /// Queues for a turn. `seed` spreads agents that started together.
    pub(crate) fn next(&self, seed: u64) -> Turn {
        let (free, pause, objects) = (self.free.clone(), self.pause, self.objects);
        Box::pin(async move {
            let permit = free.acquire_owned().await;
            tokio::time::sleep(spread(pause, seed)).await;
            drop(permit);
            objects
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_together_take_what_a_minute_allows() {
        assert!(Turns::new(0).is_none());
        for per_minute in [1, 4, 6, 30, 100] {
            let turns = Turns::new(per_minute).unwrap();
            let minute = MINUTE.as_secs() / turns.pause.as_secs();
            let rate = u64::try_from(turns.objects).unwrap() * minute;
            let wanted = u64::from(per_minute);
            assert!(
                rate >= wanted && rate < wanted + minute,
                "{per_minute}: {rate}"
            );
            assert!(turns.pause >= PAUSE);
        }
    }

    #[tokio::test]
    async fn one_at_a_time_in_the_order_of_asking() {
        let turns = Turns {
            free: Arc::new(Semaphore::new(1)),
            pause: Duration::from_millis(1),
            objects: 7,
        };
        let (first, second) = (turns.next(1), turns.next(2));
        assert_eq!(first.await + second.await, 14);
        assert_eq!(turns.free.available_permits(), 1);
    }
}
