//! What is not told at once, because more is about to come: words that change every moment, and good numbers. And when
//! to try again what could not be told.
//!
//! Nothing that decides anything waits here: that is written before it is acted upon.

use std::time::Duration;

use api::Reason;
use tokio::time::Instant;

use super::Actor;
use crate::{backoff::Backoff, outcome::Outcome, trigger::Trigger};

/// How long a status that differs only in words waits for more to come.
const SETTLE: Duration = Duration::from_secs(2);
/// How often good numbers are told at most, so that those of several metrics are told in one write.
const NUMBERS: Duration = Duration::from_secs(5);
/// First and longest wait after something could not be told.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// The waits of one actor; `seed` spreads those that fail together.
pub(super) fn telling(seed: u64) -> Backoff {
    Backoff::new(AGAIN.0, AGAIN.1, seed)
}

impl Actor {
    /// When to tell what is owed.
    pub(super) fn owes(&mut self) -> Option<Instant> {
        if self.state.owing.failed {
            return Some(Instant::now() + self.telling.next());
        }
        self.telling.reset();
        self.state.owing.some.then(|| Instant::now() + SETTLE)
    }

    /// Until when what `outcome` has to tell may wait, if it may.
    pub(super) fn may_wait(
        &self,
        outcome: &Outcome,
        trigger: &Trigger,
        reason: Reason,
    ) -> Option<Instant> {
        let calm = matches!(trigger, Trigger::Live(_) | Trigger::Rollout)
            && outcome.changes.is_empty()
            && outcome.drift.is_empty()
            && self.reason_told() == Some(reason.as_str());
        let told = self.told.filter(|_| calm)?;
        let now = Instant::now();
        let until = if outcome.has_only_words(reason) && told.elapsed() < SETTLE {
            now + SETTLE
        } else if outcome.has_only_numbers(reason) {
            (told + NUMBERS).max(now + SETTLE)
        } else {
            return None;
        };
        // What waits already does not wait longer for it.
        let until = self.settle.map_or(until, |settle| settle.min(until));
        (now < until).then_some(until)
    }
}
