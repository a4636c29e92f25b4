//! Whether an API server is there at all, as its watches tell.
//!
//! One watch that fails says something about its kind. When none gets an answer any more, the server is gone, or no
//! longer knows us.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use cluster::CallError;
use tokio::sync::watch;

use super::{Fault, GroupKind};

/// So many tries of a watch in a row may fail before they count: a server that restarts is no news.
const TRIES: u32 = 3;

/// What the watches of one API server say of it.
pub(super) struct Pulse {
    failed: Mutex<BTreeMap<GroupKind, u32>>,
    gone: watch::Sender<Option<Fault>>,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self {
            failed: Mutex::default(),
            gone: watch::Sender::new(None),
        }
    }

    /// Why the server is gone, if it is.
    pub(super) fn gone(&self) -> watch::Receiver<Option<Fault>> {
        self.gone.subscribe()
    }

    /// The server answered the watch of `kind`.
    pub(super) fn answered(&self, kind: &GroupKind) {
        self.count(kind, 0, None);
    }

    /// The watch of `kind` failed.
    pub(super) fn failed(&self, kind: &GroupKind, error: &CallError, fault: Fault) {
        match is_answer(error) {
            true => self.answered(kind),
            false => self.count(kind, 1, Some(fault)),
        }
    }

    fn count(&self, kind: &GroupKind, more: u32, fault: Option<Fault>) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failed.entry(kind.clone()).or_default();
        *count = if more == 0 {
            0
        } else {
            count.saturating_add(more)
        };
        let gone = failed.values().all(|count| *count >= TRIES);
        // Under the lock, so that two watches cannot overtake each other.
        self.gone.send_if_modified(|told| match (gone, &told) {
            (true, None) => {
                *told = fault;
                true
            }
            (false, Some(_)) => {
                *told = None;
                true
            }
            _ => false,
        });
    }
}

/// True if whoever said so is an API server that knows us.
const fn is_answer(error: &CallError) -> bool {
    match error {
        CallError::Forbidden(_)
        | CallError::UnknownKind(_)
        | CallError::Throttled { .. }
        | CallError::NotHeld => true,
        CallError::Other { code, .. } => *code < 500,
        CallError::Unauthorized(_)
        | CallError::Unreachable { .. }
        | CallError::Timeout(_)
        | CallError::Garbage(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent(pulse: &Pulse, kind: &GroupKind) {
        let error = CallError::Timeout(std::time::Duration::from_secs(1));
        let message = error.to_string();
        let reason = api::Reason::ClusterUnreachable;
        pulse.failed(kind, &error, Fault { reason, message });
    }

    #[test]
    fn the_server_is_gone_when_no_watch_gets_an_answer_and_back_with_the_first() {
        let pulse = Pulse::new();
        let gone = pulse.gone();
        let [a, b] = ["A", "B"].map(|kind| (String::new(), kind.to_owned()));
        pulse.answered(&a);
        pulse.answered(&b);
        for _ in 0..TRIES {
            silent(&pulse, &a);
        }
        assert!(gone.borrow().is_none(), "one kind alone says nothing");
        for _ in 1..TRIES {
            silent(&pulse, &b);
            assert!(gone.borrow().is_none(), "a short while says nothing");
        }
        silent(&pulse, &b);
        assert!(gone.borrow().is_some());
        pulse.answered(&b);
        assert!(gone.borrow().is_none());
    }

    #[test]
    fn a_refusal_is_an_answer() {
        let pulse = Pulse::new();
        let kind = (String::new(), "A".to_owned());
        for _ in 0..10 {
            let error = CallError::Forbidden("no".to_owned());
            let (reason, message) = (api::Reason::Forbidden, error.to_string());
            pulse.failed(&kind, &error, Fault { reason, message });
        }
        assert!(pulse.gone().borrow().is_none());
    }
}
