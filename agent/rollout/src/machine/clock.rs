//! A clock that is set while a rollout is under way: what is remembered of times stays as far away as it was.
//!
//! Whoever looks tells by how much the clock was set, as far as it can be told ([`State::clock_set`]). What was written
//! down by somebody whose clock was ahead is taken for news of now: a time that is still to come would make numbers that
//! come in look old, and nothing would be asked or counted until then.

use jiff::{SignedDuration, Timestamp};

use super::Run;
use crate::state::{Phase, Rollout, State, Stepping, Tally};

impl State {
    /// The same after the clock was set by so much: no pause, deadline or patience has become longer or shorter.
    #[must_use]
    pub fn clock_set(&self, by: SignedDuration) -> Self {
        let moved = |at: Timestamp| {
            at.checked_add(by).unwrap_or(if by.is_negative() {
                Timestamp::MIN
            } else {
                Timestamp::MAX
            })
        };
        let mut state = self.clone();
        if let Some(standby) = &mut state.standby {
            standby.until = moved(standby.until);
        }
        if let Some(rollout) = &mut state.rollout {
            rollout.each_time(|at| *at = moved(*at));
        }
        state
    }
}

impl State {
    /// The same for somebody who could not look for longer than [`super::FRESH`]: numbers begin anew, as after a restart.
    /// Whoever could not ask has missed none.
    #[must_use]
    pub fn resumed(&self) -> Self {
        let mut state = self.clone();
        let tallies = state.rollout.iter_mut().flat_map(Rollout::every_tally);
        tallies.for_each(Tally::begin_anew);
        state
    }
}

impl Run<'_> {
    /// Nothing that was has still to come.
    pub(super) fn catch_up(&mut self) {
        let now = self.now;
        let Some(rollout) = &mut self.state.rollout else {
            return;
        };
        let ahead = |tally: &&mut Tally| tally.last.is_some_and(|last| last > now);
        for tally in rollout.every_tally().into_iter().filter(ahead) {
            // What counted until then is forgotten, as by a restart.
            (tally.good, tally.last) = (0, None);
        }
        rollout.each_time(|at| *at = (*at).min(now));
    }
}

impl Rollout {
    fn every_tally(&mut self) -> Vec<&mut Tally> {
        match &mut self.phase {
            Phase::Stepping(Stepping { gate, watch, .. }) => {
                gate.values_mut().chain(watch.values_mut()).collect()
            }
            Phase::Promoting { watch, .. } | Phase::Baking { watch, .. } => {
                watch.values_mut().collect()
            }
            Phase::Returning { .. } | Phase::Ending { .. } => Vec::new(),
        }
    }

    /// Changes every time that is remembered of it.
    fn each_time(&mut self, change: impl Fn(&mut Timestamp)) {
        change(&mut self.began);
        self.halted.iter_mut().for_each(&change);
        for tally in self.every_tally() {
            let known = [&mut tally.last, &mut tally.expected, &mut tally.missing];
            known.into_iter().flatten().for_each(&change);
        }
        match &mut self.phase {
            Phase::Stepping(stepping) => {
                let known = [
                    &mut stepping.reached,
                    &mut stepping.waiting,
                    &mut stepping.disturbed,
                ];
                change(&mut stepping.entered);
                known.into_iter().flatten().for_each(&change);
            }
            Phase::Promoting { since, .. }
            | Phase::Baking { since, .. }
            | Phase::Returning { since }
            | Phase::Ending { since, .. } => change(since),
        }
    }
}
