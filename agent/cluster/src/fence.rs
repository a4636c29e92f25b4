//! Whether we may still write: for as long as our Lease surely counts.
//!
//! The others wait for the whole of it, and we trust it for less, counted from before we asked. So whoever was frozen
//! finds its fences closed when it wakes up, and fences from before stay closed after it has a Lease again.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

mod body;

pub(crate) use body::Fenced;

/// How long we have a Lease for, as far as is sure.
#[derive(Debug, Default)]
pub struct Tenure {
    state: Arc<Mutex<State>>,
}

/// Says whether something may still be written. Asked before every write, and by [`Cluster::fenced`] before every try and
/// again when it is sent.
///
/// [`Cluster::fenced`]: crate::Cluster::fenced
#[derive(Clone, Debug)]
pub struct Fence {
    state: Arc<Mutex<State>>,
    /// The time of holding the Lease without a gap that it belongs to.
    term: u64,
}

/// Our Lease may have run out, so another replica may be at work, and nothing may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this replica's Lease has run out, and another one may have taken over")]
pub struct NotHeld;

#[derive(Debug, Default)]
struct State {
    term: u64,
    until: Option<Instant>,
}

impl Tenure {
    /// The Lease was written by a request sent at `asked`, whose answer came `now`. False if it had run out before:
    /// then all fences from before stay closed.
    pub fn extend(&self, asked: Instant, ttl: Duration, now: Instant) -> bool {
        let mut state = locked(&self.state);
        let kept = state.until.is_some_and(|until| now < until);
        if !kept {
            state.term += 1;
        }
        state.until = Some(asked + ttl / 5 * 4);
        kept
    }

    /// Closes all fences.
    pub fn end(&self) {
        let mut state = locked(&self.state);
        state.term += 1;
        state.until = None;
    }

    /// Until when it lasts; none if there is none.
    pub fn until(&self) -> Option<Instant> {
        locked(&self.state).until
    }

    /// For what begins now.
    pub fn fence(&self) -> Fence {
        Fence {
            state: self.state.clone(),
            term: locked(&self.state).term,
        }
    }
}

impl Fence {
    /// Fails unless we may write at this moment.
    pub fn check(&self) -> Result<(), NotHeld> {
        self.check_at(Instant::now())
    }

    fn check_at(&self, now: Instant) -> Result<(), NotHeld> {
        let state = locked(&self.state);
        let lasts = state.until.is_some_and(|until| now < until);
        match lasts && state.term == self.term {
            true => Ok(()),
            false => Err(NotHeld),
        }
    }

    /// True if it is the same: closed at the same moment, and for ever.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state) && self.term == other.term
    }

    /// True if we may write at this moment.
    pub fn holds(&self) -> bool {
        self.check().is_ok()
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(10);

    #[test]
    fn it_holds_for_less_than_the_others_wait_and_stays_closed_after_a_gap() {
        let (tenure, start) = (Tenure::default(), Instant::now());
        assert_eq!(
            tenure.fence().check_at(start),
            Err(NotHeld),
            "there is no Lease"
        );
        assert!(!tenure.extend(start, TTL, start + TTL / 10));
        let fence = tenure.fence();
        assert_eq!(fence.check_at(start + TTL / 2), Ok(()));
        let later = start + TTL / 2;
        assert!(tenure.extend(later, TTL, later), "renewed in time");
        assert_eq!(fence.check_at(start + TTL), Ok(()));
        assert_eq!(fence.check_at(later + TTL / 5 * 4), Err(NotHeld));
        let again = later + TTL;
        assert!(!tenure.extend(again, TTL, again));
        assert_eq!(
            fence.check_at(again),
            Err(NotHeld),
            "another one may have been at work"
        );
        assert_eq!(tenure.fence().check_at(again), Ok(()));
    }

    #[test]
    fn an_answer_that_comes_late_counts_from_when_it_was_asked_for() {
        let (tenure, asked) = (Tenure::default(), Instant::now());
        tenure.extend(asked, TTL, asked + TTL);
        assert_eq!(tenure.fence().check_at(asked + TTL), Err(NotHeld));
    }
}
