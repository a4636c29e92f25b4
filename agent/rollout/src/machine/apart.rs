//! Times in which the machine is not asked to go on: while an Environment is suspended, while nobody can tell what its
//! rollout is about, and when it is taken away.
//!
//! Suspended means that nobody looks and nothing is touched, so the time of a rollout stands still, and what was seen
//! before proves nothing after it. A rollout whose way cannot be taken apart any more stands still in the same way:
//! whatever is wrong there is wrong with how things are described, not with what serves, and users that are thrown from
//! one version to the other for it would be the only harm done. As long as the new version serves, its numbers are asked
//! for all the same: nothing passes by them, and a bad one, or one that is missing for too long, ends it as ever. So do
//! somebody, git, and an alarm. Taken away means that nothing of a rollout may stay behind.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use super::{Run, elapsed, later, samples::Armed, step_at};
use crate::{
    observe::Observation,
    state::{Cause, Direction, Phase, Rollout, State, Stepping, Tallies},
    strategy::{Metric, Source, Step},
};

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
        if rollout.watched.is_empty() {
            rollout.watched = self.seen.watched_toward(&rollout.target);
        }
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
                let cause = match (said, forward) {
                    (None, true) => self.sample(),
                    (said, _) => said,
                };
                match cause {
                    Some(cause) => self.end(cause),
                    None => self.waiting = self.left_alone(why),
                }
            }
        }
    }

    /// What it stands still for, and who watches it meanwhile.
    fn left_alone(&self, why: &str) -> String {
        let rollout = self.state.rollout.as_ref();
        let Some(rollout) = rollout.filter(|rollout| rollout.serves(self.seen)) else {
            return why.to_owned();
        };
        let asked = rollout.armed(self.seen);
        let asked = asked.iter().filter(|armed| armed.is_asked);
        let asked = asked.flat_map(|armed| &armed.analysis.metrics);
        let asked: BTreeSet<&str> = asked.map(|metric| metric.name.as_str()).collect();
        let mut unasked = rollout.numbers(self.seen);
        unasked.retain(|name| !asked.contains(name.as_str()));
        match (asked.is_empty(), unasked.is_empty()) {
            (true, true) => why.to_owned(),
            (false, true) => format!("{why}; its numbers are watched meanwhile"),
            (_, false) => format!("{why}; {} cannot be watched meanwhile", unasked.join(", ")),
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
    /// Whether anybody is led to the new version, where nobody can see it: as it was left.
    pub(super) fn was_left_serving(&self) -> bool {
        let by_pods = || self.watched.iter().any(|one| one.by_pods);
        match &self.phase {
            Phase::Stepping(stepping) => {
                self.weight > 0 || (stepping.reached.is_some() && by_pods())
            }
            Phase::Promoting { .. } => self.weight > 0 || by_pods(),
            // Everybody is on the way to one version, or there.
            Phase::Returning { .. } | Phase::Baking { .. } | Phase::Ending { .. } => false,
        }
    }

    /// What of `armed` is asked while it stands still: as long as somebody is served, all that only has to be asked. A
    /// Job would have to be made; one that was made before still counts.
    pub(super) fn still_asked(&self, armed: Vec<Armed>) -> Vec<Armed> {
        let serves = self.was_left_serving() && !self.watched.is_empty();
        let parts = armed.into_iter().flat_map(|mut one| {
            let mut made = one.clone();
            let is_job = |metric: &Metric| matches!(metric.from, Source::Job(_));
            made.analysis.metrics.retain(is_job);
            made.is_asked = false;
            one.analysis.metrics.retain(|metric| !is_job(metric));
            one.is_asked &= serves;
            [one, made]
        });
        parts.collect()
    }

    /// The names of all numbers that would be asked for now.
    fn numbers(&self, seen: &Observation) -> Vec<String> {
        let gate = match step_at(&self.strategy.steps, self.step) {
            Some(Step::Analysis(analysis)) => Some(analysis.clone()),
            _ => None,
        };
        let all = self.watched_analysis(seen).into_iter().chain(gate);
        let metrics = all.flat_map(|analysis| analysis.metrics);
        metrics.map(|metric| metric.name).collect()
    }

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
