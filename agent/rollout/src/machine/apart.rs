//! Times in which the machine is not asked to go on: while an Environment is suspended, and when it is taken away.
//!
//! Suspended means that nobody looks and nothing is touched, so the time of a rollout stands still, and what was seen
//! before proves nothing after it. Taken away means that nothing of a rollout may stay behind.

use std::time::Duration;

use jiff::Timestamp;

use super::{Run, elapsed, later};
use crate::state::{Cause, Phase, Rollout, State, Stepping, Tallies};

impl State {
    /// The same while nobody looks. The time of a rollout under way stands still until the next look.
    #[must_use]
    pub fn halted(&self, now: Timestamp) -> Self {
        let mut state = self.clone();
        if let Some(rollout) = &mut state.rollout {
            rollout.halted.get_or_insert(now);
        }
        state
    }
}

impl Run<'_> {
    /// Somebody looks again.
    pub(super) fn look_again(&mut self) {
        let Some(rollout) = &mut self.state.rollout else {
            return;
        };
        if let Some(since) = rollout.halted.take() {
            rollout.stood_still(elapsed(since, self.now));
        }
    }

    /// Takes back whatever is under way, if the environment is taken away.
    pub(super) fn leave(&mut self) {
        if !self.seen.leaving {
            return;
        }
        self.state.standby = None;
        match self.state.rollout.as_ref().map(|rollout| &rollout.phase) {
            None | Some(Phase::Ending { .. }) => {}
            // What bakes serves everybody already.
            Some(Phase::Baking { .. }) => self.state.rollout = None,
            Some(_) => self.end(Cause::Removed),
        }
    }
}

impl Rollout {
    /// Nothing that waits for time has come closer, and numbers begin anew: nobody has watched.
    fn stood_still(&mut self, by: Duration) {
        let on = |at: &mut Timestamp| *at = later(*at, by);
        match &mut self.phase {
            Phase::Stepping(stepping) => {
                let times = [
                    &mut stepping.reached,
                    &mut stepping.waiting,
                    &mut stepping.disturbed,
                ];
                times.into_iter().flatten().for_each(on);
            }
            Phase::Promoting { since, .. }
            | Phase::Returning { since }
            | Phase::Baking { since, .. }
            | Phase::Ending { since, .. } => on(since),
        }
        match &mut self.phase {
            Phase::Stepping(Stepping { gate, watch, .. }) => {
                begin_anew(gate);
                begin_anew(watch);
            }
            Phase::Promoting { watch, .. } | Phase::Baking { watch, .. } => begin_anew(watch),
            Phase::Returning { .. } | Phase::Ending { .. } => {}
        }
    }
}

/// Bad numbers still count.
fn begin_anew(tallies: &mut Tallies) {
    for tally in tallies.values_mut() {
        (tally.good, tally.last, tally.expected) = (0, None, None);
        tally.clear();
    }
}
