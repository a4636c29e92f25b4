//! The new revision takes the place of the old one.

use super::{Run, elapsed, later, short};
use crate::{
    state::{Cause, Direction, Phase, Rollout, Standby, Tallies},
    wish::Event,
};

impl Run<'_> {
    /// All steps are passed.
    pub(super) fn up(&mut self) {
        let Some(rollout) = &mut self.state.rollout else {
            return;
        };
        if rollout.strategy.namespaces.is_some() {
            return self.change_places();
        }
        rollout.phase = Phase::Promoting {
            since: self.now,
            watch: rollout.take_watch(),
        };
        self.record(Event::Promoting, "all steps are passed");
    }

    /// Two namespaces: everybody is there already.
    fn change_places(&mut self) {
        let Some(rollout) = &self.state.rollout else {
            return;
        };
        let keep = rollout.strategy.namespaces.as_ref();
        let keep = keep.map_or_else(Default::default, |names| names.keep.duration());
        // What bakes can be called back, and that is to be instant.
        let bake = rollout.strategy.bake.map(crate::Interval::duration);
        let seen = self.seen.workloads.iter();
        let standby = Standby {
            namespace: self.place().to_owned(),
            until: later(self.now, keep.max(bake.unwrap_or_default())),
            pods: seen
                .filter(|(_, one)| one.stable.wanted > 0)
                .map(|(key, one)| (key.clone(), rollout.need(key, one)))
                .collect(),
        };
        self.state.side.clone_from(&rollout.side);
        self.state.standby = Some(standby);
        self.promoted();
    }

    /// Until every stable workload is of the new revision, with all its pods.
    pub(super) fn promoting(&mut self) {
        let back = self.is_back();
        let cause = self.reverted().or_else(|| match back {
            true => None,
            false => self.alarm().or_else(|| self.sample()),
        });
        if let Some(cause) = cause {
            return self.end(cause);
        }
        self.cap();
        let Some(rollout) = &mut self.state.rollout else {
            return;
        };
        let Phase::Promoting { since, .. } = &rollout.phase else {
            return;
        };
        let late = elapsed(*since, self.now) >= rollout.strategy.progress_deadline.duration();
        let waits = self.seen.workloads.iter().find_map(|(key, one)| {
            // Fewer pods may be what the new revision is about.
            let need = one.fixed.unwrap_or_else(|| rollout.need(key, one));
            let need = need.min(one.most.unwrap_or(u32::MAX));
            let settled = one.stable.settled.as_ref() == Some(&rollout.target.digest);
            (!settled || one.stable.ready < need)
                .then(|| format!("{key}: {} of {need} pods are ready", one.stable.ready))
        });
        let unseen = self.seen.workloads.is_empty();
        let unseen = unseen.then(|| "the workloads have not been seen".to_owned());
        let lacking = waits.or(unseen);
        // A number that is missing has a patience of its own.
        let late = late && lacking.is_some();
        match lacking.or_else(|| rollout.watch_misses()) {
            // On the way back there is nothing better to turn to.
            Some(why) if late && !back => self.end(Cause::NotReady { why }),
            Some(why) => self.waiting = why,
            None => {
                rollout.weight = 0;
                rollout.phase = Phase::Returning { since: self.now };
            }
        }
    }

    /// Until nobody is led to the canary.
    pub(super) fn returning(&mut self) {
        let Some(rollout) = &self.state.rollout else {
            return;
        };
        match rollout.unrouted(self.seen) {
            Some(why) => self.waiting = why,
            None => self.promoted(),
        }
    }

    fn promoted(&mut self) {
        let Some(mut rollout) = self.state.rollout.take() else {
            return;
        };
        let target = rollout.target.clone();
        let state = &mut self.state;
        state.namespaces.clone_from(&rollout.strategy.namespaces);
        let before = state.good.replace(target.clone());
        self.heed_flags();
        let state = &mut self.state;
        if rollout.direction == Direction::Forward {
            state.former = before;
            state.rejected.retain(|one| one.revision != target);
        } else {
            // What was left behind is rejected; before the former release nothing is known to be good.
            state.former = None;
            state.standby = None;
        }
        self.record(
            Event::Promoted,
            format!("{} is promoted", short(&target.commit)),
        );
        if rollout.direction == Direction::Forward && rollout.strategy.bake.is_some() {
            rollout.weight = 0;
            rollout.phase = Phase::Baking {
                since: self.now,
                watch: Tallies::new(),
            };
            self.state.rollout = Some(rollout);
        }
    }

    /// Promoted, and still watched.
    pub(super) fn baking(&mut self) {
        if let Some(cause) = self.alarm().or_else(|| self.sample()) {
            self.roll_back(cause);
            return;
        }
        match self.state.rollout.as_ref().and_then(Rollout::bakes_until) {
            Some(until) if !self.is_baked() => {
                self.waiting = format!("the bake time, until {until:.0}");
            }
            _ => self.state.rollout = None,
        }
    }

    /// Whether the bake time is over, or something newer is there.
    pub(super) fn is_baked(&self) -> bool {
        let Some(rollout) = &self.state.rollout else {
            return true;
        };
        let Some(until) = rollout.bakes_until() else {
            return false;
        };
        let over = until <= self.now;
        let moved = |head: &crate::state::Revision| *head != rollout.target;
        over || self.seen.head.as_ref().is_some_and(moved)
    }

    fn is_back(&self) -> bool {
        let rollout = self.state.rollout.as_ref();
        rollout.is_some_and(|rollout| rollout.direction == Direction::Back)
    }

    /// While workloads are being replaced only a revert turns round: anything newer is tried after this.
    fn reverted(&self) -> Option<Cause> {
        self.news().filter(|cause| *cause == Cause::Reverted)
    }

    /// A check that has begun to fail since the rollout began.
    pub(super) fn alarm(&self) -> Option<Cause> {
        let rollout = self.state.rollout.as_ref()?;
        let mut alarms = self.seen.alarms.iter();
        let (name, saw) = alarms.find(|(name, _)| !rollout.ailing.contains(*name))?;
        Some(Cause::Alarm {
            why: format!("{name}: {saw}"),
        })
    }

    /// What failed before and passes now is watched like all others.
    pub(super) fn recover(&mut self) {
        if let Some(rollout) = &mut self.state.rollout {
            rollout
                .ailing
                .retain(|name| self.seen.alarms.contains_key(name));
        }
    }
}

impl Rollout {
    /// From when on what its numbers are about has served: no window reaches further back.
    pub const fn judged_from(&self) -> jiff::Timestamp {
        match &self.phase {
            // Until then another version had the name that is asked about.
            Phase::Baking { since, .. } => *since,
            _ => self.began,
        }
    }

    /// When its bake time is over, while it bakes.
    pub(super) fn bakes_until(&self) -> Option<jiff::Timestamp> {
        let Phase::Baking { since, .. } = &self.phase else {
            return None;
        };
        let bake = self.strategy.bake.map(crate::Interval::duration);
        Some(later(*since, bake.unwrap_or_default()))
    }
}
