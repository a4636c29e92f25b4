//! How long to wait before trying again.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// Doubles from `first` up to `most`, and starts over after a success.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
    seed: u64,
}

impl Backoff {
    /// `seed` spreads those that fail together; it need not be secret or unpredictable.
    pub(crate) fn new(first: Duration, most: Duration, seed: u64) -> Self {
        Self {
            first,
            most,
            failures: 0,
            seed,
        }
    }

    /// The wait after one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        let factor = 1_u32 << self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        self.seed = mixed(self.seed);
        spread(self.first.saturating_mul(factor).min(self.most), self.seed)
    }

    /// Forgets the failures.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A number for what is called `name`, always the same: whoever is spread by it is so again after a restart.
pub(crate) fn seed(name: &str) -> u64 {
    name.bytes().fold(7_u64, |seed, byte| {
        seed.wrapping_mul(131).wrapping_add(u64::from(byte))
    })
}

/// `wait` give or take a tenth, by `seed`.
pub(crate) fn spread(wait: Duration, seed: u64) -> Duration {
    let tenths = u32::try_from(mixed(seed) % 21).unwrap_or(10);
    wait.saturating_mul(90 + tenths) / 100
}

/// Waits until `moment`, or for ever without one.
pub(crate) async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Waits until the clock on the wall shows `moment`, or for ever without one. Looks at the clock every hour, as it may
/// be set and machines may sleep.
pub(crate) async fn reached(moment: Option<Timestamp>) {
    let Some(moment) = moment else {
        return std::future::pending().await;
    };
    while let Ok(left) = Duration::try_from(moment.duration_since(Timestamp::now()))
        && !left.is_zero()
    {
        tokio::time::sleep(left.min(Duration::from_hours(1))).await;
    }
}

/// One step of SplitMix64.
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_its_limit_and_starts_over() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(1), 7);
        let waits: Vec<_> = (0..12).map(|_| backoff.next()).collect();
        assert!(waits[0] <= Duration::from_millis(1100));
        assert!(waits[3] > waits[0] * 5);
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(66)));
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(1100));
    }
}
