//! A rollout under way whose revisions cannot be taken apart any more: it stands still.
//!
//! What is applied stays as it is, canary and shares included, and nothing is made or repaired; a disturbance does not
//! outlive that. Its numbers are asked for as long as it serves. What ends it is `rollout::machine`'s to say.

use rollout::{
    Effects, State,
    split::Fault,
    state::{Phase, Rollout},
};

use super::Pass;
use crate::{key::EnvironmentKey, rollouts::said};

impl Pass<'_> {
    /// True while a rollout leads users somewhere.
    pub(super) fn is_on_its_way(&mut self) -> bool {
        let rollout = self.rollouts().state.rollout.as_ref();
        let bakes = |rollout: &Rollout| matches!(rollout.phase, Phase::Baking { .. });
        rollout.is_some_and(|rollout| !bakes(rollout))
    }

    /// Says what a rollout stands still for, and who watches it meanwhile.
    pub(super) fn say_still(&mut self, effects: &Effects) {
        if let Some(stop) = self
            .outcome
            .stop
            .as_mut()
            .filter(|_| !effects.waiting.is_empty())
        {
            stop.message.clone_from(&effects.waiting);
        }
    }

    /// True if the pass ends here, with everything as it was left. Otherwise it is over, and what is wrong with it is
    /// nobody's trouble any more.
    pub(super) fn stands_still(&mut self, state: &State, effects: &Effects) -> bool {
        if effects.wish.canary.is_none() {
            if state.rollout.is_none() {
                self.outcome.stop = None;
            }
            return false;
        }
        self.disturbs = Some(false);
        let watched = state.rollout.as_ref().map(|rollout| &rollout.watched);
        let versions = self.versions(watched.map_or(&[][..], Vec::as_slice), state);
        let (said, now) = (said(self.environment), self.now());
        let rollouts = self.rollouts();
        rollouts
            .asking
            .arrange(&effects.wish.checks, &versions, now);
        rollouts.wake_at(effects.wake);
        (rollouts.state, rollouts.said) = (state.clone(), said);
        rollouts.has_looked();
        true
    }
}

/// What the rollout is about is not there any more, under the names that it began with.
pub(super) fn lost(key: &EnvironmentKey) -> Fault {
    Fault {
        object: format!("Environment/{key}"),
        message: "none of the workloads that the rollout under way began with is where it was; put spec.target.namespace back, or `driftless rollout abort` to go on from the good revision"
            .to_owned(),
    }
}
