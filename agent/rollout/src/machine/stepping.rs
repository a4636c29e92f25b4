//! On the way through the steps.

use jiff::Timestamp;

use super::{Run, elapsed, later, short, step_at};
use crate::{
    state::{Cause, Direction, Phase, Rollout, Stepping},
    strategy::Step,
    wish::Event,
};

impl Run<'_> {
    pub(super) fn stepping(&mut self) {
        let cause = self
            .news()
            .or_else(|| self.disaster())
            .or_else(|| self.unprepared())
            .or_else(|| self.sample());
        if let Some(cause) = cause {
            return self.end(cause);
        }
        self.count_approvals();
        self.cap();
        let disturbed = self.disturb();
        if !disturbed {
            self.reach();
        }
        match self.overdue() {
            Some(cause) => self.end(cause),
            None if !disturbed && self.passed() => self.next(),
            None => {}
        }
    }

    /// What git says meanwhile. On the way back git does not count: it says what has failed.
    pub(super) fn news(&self) -> Option<Cause> {
        let rollout = self.state.rollout.as_ref()?;
        let head = self.seen.head.as_ref()?;
        if rollout.direction == Direction::Back || *head == rollout.target {
            return None;
        }
        let by = short(&head.commit).to_owned();
        Some(match self.state.good.as_ref() == Some(head) {
            true => Cause::Reverted,
            false => Cause::Superseded { by },
        })
    }

    /// What needs no further proof.
    pub(super) fn disaster(&self) -> Option<Cause> {
        let rollout = self.state.rollout.as_ref()?;
        let crashing = self.seen.workloads.iter().find_map(|(key, one)| {
            let why = one.canary.as_ref()?.stuck.as_ref()?;
            Some(Cause::Crashing {
                why: format!("{key}: {why}"),
            })
        });
        // On the way back the alarm is why, and it rings until everybody is there.
        let forward = rollout.direction == Direction::Forward;
        crashing.or_else(|| self.alarm().filter(|_| forward))
    }

    /// Takes from the new version what its pods cannot carry.
    pub(super) fn cap(&mut self) {
        let Some(rollout) = &mut self.state.rollout else {
            return;
        };
        let (before, ceiling) = (rollout.weight, rollout.ceiling(self.seen));
        if before <= ceiling {
            return;
        }
        rollout.weight = ceiling;
        let disturbed = rollout.is_disturbed(self.now);
        if let Phase::Stepping(stepping) = &mut rollout.phase
            && !disturbed
        {
            stepping.lose();
        }
        self.record(
            Event::Capped,
            format!("{before} % -> {ceiling} %: its ready pods carry no more"),
        );
    }

    /// Gives the new version its share once its pods are there, and notes whether all is as the step wants it.
    fn reach(&mut self) {
        let (seen, now) = (self.seen, self.now);
        let Some(rollout) = &mut self.state.rollout else {
            return;
        };
        let hooks = rollout.hooks_left(seen);
        let (lacking, target) = (hooks.or_else(|| rollout.lacking(seen)), rollout.target());
        let works = rollout.has_hook_at_work(seen);
        let before = rollout.weight;
        let may_rise = rollout.paused.is_none() && rollout.is_heard(seen);
        if lacking.is_none() && may_rise && before != target {
            rollout.weight = target.min(rollout.ceiling(seen));
        }
        let weight = rollout.weight;
        let fault = lacking.or_else(|| rollout.unrouted(seen));
        let is_chaos = rollout.chaos_step().is_some();
        if let Phase::Stepping(stepping) = &mut rollout.phase {
            match (&fault, weight == target) {
                (None, true) => {
                    stepping.reached.get_or_insert(now);
                    stepping.waiting = None;
                }
                (None, false) => stepping.waiting = None,
                (Some(_), _) => {
                    stepping.waiting = match works {
                        true => None,
                        false => stepping.waiting.or(Some(now)),
                    };
                    // Of a disturbance it says when it began; that is never forgotten.
                    if !is_chaos {
                        stepping.lose();
                    }
                }
            }
        }
        if weight != before {
            self.record(Event::Weighted, format!("{before} % -> {weight} %"));
        }
        self.waiting = fault.unwrap_or_default();
    }

    fn overdue(&self) -> Option<Cause> {
        let rollout = self.state.rollout.as_ref()?;
        let Phase::Stepping(stepping) = &rollout.phase else {
            return None;
        };
        let late =
            elapsed(stepping.waiting?, self.now) >= rollout.strategy.progress_deadline.duration();
        late.then(|| Cause::NotReady {
            why: format!(
                "{}, after {}",
                self.waiting, rollout.strategy.progress_deadline
            ),
        })
    }

    /// Whether the step has nothing left to wait for.
    fn passed(&mut self) -> bool {
        let Some(rollout) = &self.state.rollout else {
            return false;
        };
        let Phase::Stepping(stepping) = &rollout.phase else {
            return false;
        };
        if let Some(by) = &rollout.paused {
            self.waiting = format!("paused by {by}");
            return false;
        }
        if let Some(left) = rollout.hooks_left(self.seen) {
            self.waiting = left;
            return false;
        }
        let Some(reached) = stepping.reached.filter(|_| stepping.waiting.is_none()) else {
            return false;
        };
        let waits = rollout
            .step_waits(stepping, reached, self.now)
            .or_else(|| self.disturbance_left(rollout))
            .or_else(|| rollout.watch_waits(stepping, self.seen));
        match waits {
            Some(waits) => {
                self.waiting = waits;
                false
            }
            None => true,
        }
    }

    /// On to the next step, or up.
    pub(super) fn next(&mut self) {
        let Some(rollout) = &self.state.rollout else {
            return;
        };
        match rollout.step + 1 < rollout.strategy.steps.len() {
            true => self.enter(rollout.step + 1),
            false => self.up(),
        }
    }

    /// Enters step `at`.
    pub(super) fn enter(&mut self, at: usize) {
        let now = self.now;
        let Some(rollout) = &mut self.state.rollout else {
            return;
        };
        let before = rollout.target();
        rollout.step = at;
        let same = rollout.target() == before;
        let mut watch = rollout.take_watch();
        for tally in watch.values_mut().filter(|_| !same) {
            tally.good = 0;
        }
        rollout.phase = Phase::Stepping(Stepping {
            watch,
            ..Stepping::new(now)
        });
        let Some(step) = step_at(&rollout.strategy.steps, at) else {
            return;
        };
        let message = format!(
            "step {} of {}: {}",
            at + 1,
            rollout.strategy.steps.len(),
            step.as_str()
        );
        if let Step::Flag(flag) = step {
            self.state.flags.insert(flag.id(), flag.clone());
            let said = self.seen.flags.of_both(&flag.id());
            self.state.flags_in_git.insert(flag.id(), said);
        }
        self.record(Event::StepStarted, message);
    }
}

impl Rollout {
    /// What the step itself waits for.
    fn step_waits(
        &self,
        stepping: &Stepping,
        reached: Timestamp,
        now: Timestamp,
    ) -> Option<String> {
        let approved = stepping.approvals.len();
        match step_at(&self.strategy.steps, self.step)? {
            Step::Weight(_) | Step::Replicas(_) | Step::Flag(_) => None,
            Step::Chaos(_) => self
                .is_disturbed(now)
                .then(|| "the disturbance to begin".to_owned()),
            Step::Pause(_) if approved > 0 => None,
            Step::Pause(pause) => match pause.duration {
                Some(length) if elapsed(reached, now) >= length.duration() => None,
                Some(length) => {
                    let until = later(reached, length.duration());
                    Some(format!("paused until {until:.0}"))
                }
                None => Some("somebody to say `driftless rollout promote`".to_owned()),
            },
            Step::Approve(approve) => {
                let needed = usize::try_from(approve.needed).unwrap_or(usize::MAX);
                (approved < needed).then(|| format!("approvals: {approved} of {needed}"))
            }
            Step::Analysis(_) | Step::Synthetic(_) => self.gate_waits(stepping),
        }
    }

    /// The tallies of what is watched, out of whatever phase it is in.
    pub(super) fn take_watch(&mut self) -> crate::state::Tallies {
        match &mut self.phase {
            Phase::Stepping(Stepping { watch, .. })
            | Phase::Promoting { watch, .. }
            | Phase::Baking { watch, .. } => std::mem::take(watch),
            Phase::Returning { .. } | Phase::Ending { .. } => crate::state::Tallies::new(),
        }
    }
}
