//! How long to wait before a watch is tried again.

use std::time::Duration;

use crate::{CallError, guard::jittered};

/// After the first fault; twice as long after each further one.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);
/// What only a person can change is not asked for often.
const LONGEST_REFUSED: Duration = Duration::from_mins(1);
const FIRST_REFUSED: Duration = Duration::from_secs(2);
/// A watch that ended sooner than this did not end in the normal way.
const SHORT_LIFE: Duration = Duration::from_secs(5);

/// Counts faults and keeps the pause that is due.
#[derive(Default)]
pub(super) struct Pause {
    faults: u32,
    due: Duration,
}

impl Pause {
    /// The pause that is due, once.
    pub(super) fn take(&mut self) -> Duration {
        std::mem::take(&mut self.due)
    }

    /// Faults since something last worked.
    pub(super) fn faults(&self) -> u32 {
        self.faults
    }

    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    pub(super) fn after_fault(&mut self, fault: &CallError) {
        let refused = matches!(
            fault,
            CallError::Forbidden(_) | CallError::Unauthorized(_) | CallError::UnknownKind(_)
        );
        let (first, longest) = match refused {
            true => (FIRST_REFUSED, LONGEST_REFUSED),
            false => (FIRST, LONGEST),
        };
        let asked = match fault {
            CallError::Throttled { after } => *after,
            _ => Duration::ZERO,
        };
        self.wait(first, longest);
        self.due = self.due.max(asked);
    }

    pub(super) fn after_end(&mut self, lived: Duration) {
        if lived < SHORT_LIFE {
            self.wait(FIRST, LONGEST);
        }
    }

    fn wait(&mut self, first: Duration, longest: Duration) {
        let whole = first
            .saturating_mul(2_u32.saturating_pow(self.faults))
            .min(longest);
        self.faults = self.faults.saturating_add(1);
        self.due = jittered(whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_a_bound_and_starts_over_when_something_works() {
        let mut pause = Pause::default();
        let fault = CallError::Garbage(String::new());
        let pauses: Vec<_> = (0..100)
            .map(|_| {
                pause.after_fault(&fault);
                pause.take()
            })
            .collect();
        assert!(pauses[0] <= FIRST && pauses[99] > LONGEST / 3 && pauses[99] <= LONGEST);
        pause.reset();
        pause.after_fault(&fault);
        assert!(pause.take() <= FIRST);
        assert_eq!(pause.take(), Duration::ZERO);
    }
}
