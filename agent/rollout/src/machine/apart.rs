//! Times in which the machine is not asked to go on: while an Environment is suspended, while nobody can tell what its
//! rollout is about, and when it is taken away.
//!
//! Suspended means that nobody looks and nothing is touched, so the time of a rollout stands still, and what was seen
//! before proves nothing after it. A rollout whose way cannot be taken apart any more stands still in the same way:
//! whatever is wrong there is wrong with how things are described, not with what serves, and users that are thrown from
//! one version to the other for it would be the only harm done. It still ends when somebody or git says so, an
//! alarm, or a bad number that was asked for before. Taken away means that nothing of a rollout may stay behind.

use std::time::Duration;

use jiff::Timestamp;

use super::{Run, elapsed, later};
use crate::state::{Cause, Direction, Phase, Rollout, State, Stepping, Tallies};

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
        if self.seen.uncut.is_some() {
            let rollout = self.state.rollout.as_ref();
            if !rollout.is_some_and(|one| matches!(one.phase, Phase::Ending { .. })) {
                self.state = self.state.halted(self.now);
            }
            return;
        }
        let Some(rollout) = &mut self.state.rollout else {
            return;
        };
        if let Some(since) = rollout.halted.take() {
            rollout.stood_still(elapsed(since, self.now));
        }
    }

    /// Nothing moves until it can be told again what the rollout is about, or until it is to end.
    pub(super) fn stand_still(&mut self, why: &str) {
        let Some(rollout) = &self.state.rollout else {
            // What comes next is not what was looked at.
            self.looks_again = true;
            return;
        };
        match &rollout.phase {
            Phase::Ending { .. } => self.ending(),
            // Everybody is there already, and nobody has to be led anywhere.
            Phase::Baking { .. } if self.is_baked() => self.state.rollout = None,
            Phase::Baking { .. } => why.clone_into(&mut self.waiting),
            _ => {
                let forward = rollout.direction == Direction::Forward;
                let said = self.news().or_else(|| self.alarm().filter(|_| forward));
                // Nobody is asked, but what was asked before may say its number only now.
                let told = forward && !self.seen.samples.is_empty();
                let number = || told.then(|| self.bad_number()).flatten();
                match said.or_else(number) {
                    Some(cause) => self.end(cause),
                    None => why.clone_into(&mut self.waiting),
                }
            }
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
