//! The clock on the wall beside the one that nobody can set.
//!
//! Times that are remembered over restarts are of the clock on the wall. It may be set, and a machine may sleep; neither
//! is to make a pause shorter, or hours of bad numbers go unheard.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::backoff::reached;

/// By how much two clocks may differ that nobody has set: this, and a thousandth of the time that has passed.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(5);
/// The longest time that a timer is set for.
const LONGEST: std::time::Duration = std::time::Duration::from_hours(24 * 365);

/// Both clocks, as they were last read together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    wall: Timestamp,
    steady: Instant,
}

/// A time that is waited for, by both clocks: whichever gets there first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) at: Timestamp,
    by: Instant,
}

impl Clocks {
    pub(crate) fn now() -> Self {
        Self {
            wall: Timestamp::now(),
            steady: Instant::now(),
        }
    }

    /// What the clock on the wall shows now if nobody has set it since. Whoever holds times against each other for a
    /// while goes by this one, or a clock that is set meanwhile gets in between.
    pub(crate) fn reads(self) -> Timestamp {
        let passed = SignedDuration::try_from(self.steady.elapsed());
        let passed = passed.unwrap_or(SignedDuration::MAX);
        self.wall.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    /// The moment at which this clock reads `at`.
    pub(crate) fn moment(self, at: Timestamp) -> Moment {
        let left = at.duration_since(self.wall);
        let left = std::time::Duration::try_from(left).unwrap_or_default();
        Moment {
            at,
            by: self.steady + left.min(LONGEST),
        }
    }

    /// By how much the clock on the wall was set between `self` and `now`; zero if it was not.
    pub(crate) fn set_until(self, now: Self) -> SignedDuration {
        let steady = now.steady.saturating_duration_since(self.steady);
        let steady = SignedDuration::try_from(steady).unwrap_or(SignedDuration::MAX);
        let by = now.wall.duration_since(self.wall).saturating_sub(steady);
        match by.abs() > TOLERANCE.saturating_add(steady / 1000) {
            true => by,
            false => SignedDuration::ZERO,
        }
    }
}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Moment {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.by).cmp(&(other.at, other.by))
    }
}

/// Waits for `moment`, or for ever without one.
pub(crate) async fn comes(moment: Option<Moment>) {
    tokio::select! {
        () = crate::backoff::until(moment.map(|moment| moment.by)) => {}
        () = reached(moment.map(|moment| moment.at)) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn later(than: Clocks, wall: i64, steady: u64) -> Clocks {
        Clocks {
            wall: than.wall + SignedDuration::from_secs(wall),
            steady: than.steady + Duration::from_secs(steady),
        }
    }

    #[test]
    fn a_clock_that_is_set_is_told_from_one_that_is_a_little_off() {
        let then = Clocks::now();
        let set = |wall, steady| then.set_until(later(then, wall, steady)).as_secs();
        assert_eq!(set(60, 60), 0);
        assert_eq!(set(63, 60), 0, "a correction");
        assert_eq!(set(86_440, 86_400), 0, "a clock that goes wrong");
        assert_eq!(set(3660, 60), 3600);
        assert_eq!(set(-3540, 60), -3600);
        assert_eq!(set(7260, 60), 7200, "a machine that slept");
    }

    #[test]
    fn what_was_reckoned_before_the_clock_was_set_comes_as_far_away_as_it_was() {
        let before = Clocks {
            wall: Timestamp::now() + SignedDuration::from_hours(1),
            steady: Instant::now(),
        };
        let soon = before.moment(before.wall + SignedDuration::from_secs(2));
        assert!(soon.by.duration_since(before.steady) == Duration::from_secs(2));
        assert!(
            before.reads() >= before.wall,
            "it was set back an hour since"
        );
        let past = before.moment(before.wall - SignedDuration::from_secs(2));
        assert_eq!(past.by, before.steady);
    }

    #[tokio::test]
    async fn a_moment_comes_in_time_although_the_clock_was_set_back() {
        let clocks = Clocks::now();
        let soon = clocks.moment(clocks.wall + SignedDuration::from_millis(50));
        let put_off = Moment {
            at: soon.at + SignedDuration::from_hours(24),
            ..soon
        };
        let began = Instant::now();
        comes(Some(put_off)).await;
        assert!(began.elapsed() < Duration::from_mins(1));
    }
}
