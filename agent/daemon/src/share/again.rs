//! When a call about Leases that failed is made again, and what of it is told.
//!
//! Ever more rarely, but never so rarely that a Lease is lost that could have been kept: while it still lasts it is tried
//! often, and once more before it ends. Told is when it begins, why, and when it is over. Knows no network and no log.

use std::time::Duration;

use cluster::Trouble;
use tokio::time::Instant;

use crate::backoff::{Backoff, spread};

/// After the first failure.
const FIRST: Duration = Duration::from_millis(250);

/// One kind of call.
pub(super) struct Again {
    /// How long a Lease lasts, to others.
    ttl: Duration,
    seed: u64,
    trouble: Trouble,
    backoff: Backoff,
    not_before: Option<Instant>,
}

impl Again {
    /// Nothing has failed yet. `seed` spreads replicas that fail together.
    pub(super) fn new(ttl: Duration, seed: u64) -> Self {
        Self {
            ttl,
            seed,
            trouble: Trouble::default(),
            backoff: Backoff::new(FIRST, (ttl / 3).max(FIRST), seed),
            not_before: None,
        }
    }

    /// The call failed because of `why`, while our Lease lasts `until`. True if that is to be told.
    pub(super) fn failed(&mut self, why: &str, until: Option<Instant>, now: Instant) -> bool {
        let wait = self.backoff.next();
        let left = until.and_then(|until| until.checked_duration_since(now));
        let wait = left.map_or(wait, |left| self.in_time(wait, left));
        self.not_before = Some(now + wait);
        self.trouble.is_news(why)
    }

    /// The call went well. Returns how often it had failed, if it had.
    pub(super) fn worked(&mut self) -> Option<u32> {
        self.backoff.reset();
        self.not_before = None;
        self.trouble.over()
    }

    /// Until when the call has to wait, if it has to.
    pub(super) fn waits(&self, now: Instant) -> Option<Instant> {
        self.not_before.filter(|until| now < *until)
    }

    /// `wait`, or less while a Lease that lasts for what is `left` can be kept.
    fn in_time(&self, wait: Duration, left: Duration) -> Duration {
        let wait = wait.min(spread((self.ttl / 12).max(FIRST), self.seed));
        // What is asked for later is answered too late.
        let last = left.saturating_sub(self.ttl / 20);
        match last.is_zero() {
            true => wait,
            false => wait.min(last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(12);

    /// When it is tried in the `span` after `begin`, where every try fails at once.
    fn tries(
        again: &mut Again,
        begin: Instant,
        span: Duration,
        until: Option<Instant>,
    ) -> Vec<Instant> {
        let (mut now, mut tries) = (begin, Vec::new());
        while now < begin + span {
            tries.push(now);
            again.failed("no", until.filter(|until| now < *until), now);
            now = again
                .waits(now)
                .expect("a failed call is not made again at once");
        }
        tries
    }

    #[test]
    fn without_a_lease_it_is_tried_ever_more_rarely() {
        let tries = tries(
            &mut Again::new(TTL, 7),
            Instant::now(),
            Duration::from_mins(1),
            None,
        );
        assert!((15..25).contains(&tries.len()), "{tries:?}");
        let pauses: Vec<_> = tries
            .windows(2)
            .map(|pair| pair[1].duration_since(pair[0]))
            .collect();
        assert!(
            pauses[0] < FIRST * 2 && pauses[3] > pauses[0] * 4,
            "{pauses:?}"
        );
        assert!(pauses.iter().all(|pause| *pause <= TTL / 2), "{pauses:?}");
    }

    #[test]
    fn while_it_can_be_kept_it_is_tried_often_and_once_more_before_it_ends() {
        let begin = Instant::now();
        for seed in 0..50 {
            let until = begin + TTL / 5 * 4;
            let span = TTL / 5 * 4;
            let tries = tries(&mut Again::new(TTL, seed), begin, span, Some(until));
            let pauses = tries.windows(2).map(|pair| pair[1].duration_since(pair[0]));
            assert!(
                pauses.max() <= Some(Duration::from_millis(1_100)),
                "{tries:?}"
            );
            let left = until.duration_since(*tries.last().unwrap());
            assert!(left <= TTL / 10, "the last try is {left:?} before the end");
            assert!(tries.len() < 20, "{tries:?}");
        }
    }

    #[test]
    fn it_is_told_when_it_begins_changes_and_ends_and_starts_over_then() {
        let (mut again, now) = (Again::new(TTL, 1), Instant::now());
        assert!(again.waits(now).is_none());
        assert!(again.failed("refused", None, now));
        assert!(!again.failed("refused", None, now));
        assert!(again.failed("forbidden", None, now));
        assert_eq!(again.worked(), Some(3));
        assert!(again.waits(now).is_none());
        assert_eq!(again.worked(), None);
        assert!(again.failed("refused", None, now));
        assert!(
            again
                .waits(now)
                .is_some_and(|until| until <= now + FIRST * 2)
        );
    }
}
