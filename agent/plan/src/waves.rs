//! Walks a plan in order: which changes and deletions may start now.
//!
//! Waits for an earlier wave to be applied and healthy, for the namespace an object lives in and for the
//! definition of its kind. A failure does not stop others of its wave, but every later wave and all
//! deletions. Deletions come last. Doing is the caller's; nothing here waits.

use krm::ObjectId;

use crate::{
    desired::Desired,
    diff::{Deletion, Plan},
    health::HealthStatus,
};

/// How far a plan has come.
#[derive(Debug)]
pub struct Progress<'p> {
    _plan: &'p Plan,
    _desired: &'p [Desired],
}

/// When deletions may start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PruneGate {
    /// Once everything is applied and healthy: what runs now may still need what goes.
    #[default]
    Healthy,
    /// Once everything is applied.
    Applied,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Start these changes (places in `desired`), then ask again as each one finishes.
    Apply(Vec<usize>),
    /// Start these deletions (places in `plan.prune`), then ask again as each one is confirmed.
    Delete(Vec<usize>),
    /// Nothing can start until something under way finishes or one of these objects becomes ready.
    Wait(Vec<Waiting>),
    /// Nothing is left to start. Failures may have kept later waves or deletions from it.
    Done,
}

/// An object that others wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub id: ObjectId,
    /// What it is now.
    pub health: HealthStatus,
}

/// How a change or deletion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As planned; for a deletion: confirmed gone.
    Well,
    /// Refused or failed.
    Badly,
}

impl<'p> Progress<'p> {
    /// The beginning.
    pub fn new(plan: &'p Plan, desired: &'p [Desired], gate: PruneGate) -> Self {
        let _ = gate;
        Self {
            _plan: plan,
            _desired: desired,
        }
    }

    /// What may start now. Each change and deletion is handed out once.
    pub fn next(&mut self, health: &dyn Fn(&ObjectId) -> HealthStatus) -> Step {
        let _ = health;
        unimplemented!()
    }

    /// Notes how a change ended; `index` is its place in `desired`.
    pub fn applied(&mut self, index: usize, ended: Ended) {
        let _ = (index, ended);
        unimplemented!()
    }

    /// Notes how a deletion ended; `index` is its place in `plan.prune`.
    pub fn deleted(&mut self, index: usize, ended: Ended) {
        let _ = (index, ended);
        unimplemented!()
    }

    /// Changes that were never started because something they need has failed.
    pub fn blocked(&self) -> Vec<usize> {
        unimplemented!()
    }

    /// Deletions not started, because of a failure or a missing approval.
    pub fn deletions_left(&self) -> Vec<&'p Deletion> {
        unimplemented!()
    }
}
