//! What a restart must not forget: the state, written ahead of what is done about it, and how a new agent goes on with it.
//!
//! The first look after a start carries out what was wished for before it and decides nothing. Only then is it known
//! what stands, so that a pause goes on where it was; a look that did not know would count it anew.

use api::v1alpha1::RolloutStatus;
use rollout::{Effects, Observation, State};
use serde_json::Value;

use super::Pass;
use crate::{chain, outcome::Retry, rollouts::with_untold};

impl Pass<'_> {
    /// What follows from what was seen.
    pub(super) fn follows(&mut self, before: &State, seen: &Observation) -> (State, Effects) {
        // Asked for only here: a number that came in while the cluster was looked at is none of the future.
        let now = self.now();
        if !self.is_resumed() || seen.uncut.is_some() {
            return rollout::step(before, seen, now);
        }
        let told = self.state.status.rollout.as_ref();
        let waiting = told.map(|told| told.message.clone()).unwrap_or_default();
        let effects = rollout::resume(before, seen, now);
        (before.clone(), Effects { waiting, ..effects })
    }

    /// True while a rollout is under way that somebody else has begun, and its objects are not known to stand.
    pub(super) fn is_resumed(&mut self) -> bool {
        let rollouts = self.rollouts();
        rollouts.is_new && rollouts.state.rollout.is_some()
    }

    /// Takes up what the Release tells: the last numbers, which decisions are in it, and how many samples were good.
    pub(super) fn remember_release(&mut self) {
        let release = self.state.release.as_ref();
        let told = release.and_then(|release| release.status.rollout.clone());
        let (Some(told), Some(rollouts)) = (told, &mut self.state.rollouts) else {
            return;
        };
        rollouts.untold.retain(|one| !told.records.contains(one));
        if let Some(gate) = &told.gate {
            rollouts.state.take_up(&told.id, gate);
        }
        if rollouts.recent.is_empty() {
            let metrics = told.metrics.into_iter();
            let known = metrics.map(|one| (one.last.metric.clone(), (one.recent, one.last)));
            rollouts.recent = known.collect();
        }
    }

    /// Writes the state where a restart must not forget what changed, before anything is done, and with it what was
    /// decided: the Release is written later, maybe by somebody else. False if that failed.
    pub(in crate::pass) async fn write_rollout(&mut self, state: &State) -> bool {
        let Some(told) = &mut self.outcome.rollout else {
            return true;
        };
        let stored = self.state.status.rollout.as_ref();
        let same = |old: &RolloutStatus| !differs(&old.state, state);
        let is_sure = self.state.stored.is_sure();
        if let Some(stored) = stored.filter(|stored| is_sure && same(stored)) {
            told.status.state = stored.state.clone();
            return true;
        }
        told.status.state = with_untold(state.write(), &told.records);
        let told = told.status.clone();
        // What follows from it changes the workloads.
        self.state.forget_view();
        if !self.context.fence.holds() {
            return false;
        }
        let (state, outcome) = (&mut *self.state, &self.outcome);
        let written =
            crate::publish::write_rollout(self.context, self.key, state, outcome, &told).await;
        match written {
            Ok(()) => true,
            Err(error) => {
                let reason = crate::words::kube(&error);
                self.outcome.stop(reason, chain::text(&error), Retry::Later);
                false
            }
        }
    }
}

fn differs(stored: &Value, state: &State) -> bool {
    State::read(stored).map_or(true, |stored| state.differs(&stored))
}
