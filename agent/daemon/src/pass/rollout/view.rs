//! What was read of the workloads of a rollout, kept for as long as nothing has happened to them.
//!
//! A number that comes in is held against pods and shares as they are. Where the watches have told of no change since those
//! were read, they need not be read again to see that nothing follows. But nothing is ever moved upon that: where something
//! would follow, they are read, and it is judged anew.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use rollout::{
    Effects, Observation, State, Wish,
    observe::{Router, Workload},
    state::{Phase, Rollout},
};
use tokio::time::Instant;

use super::{Cut, Pass};
use crate::rollouts::View;

/// How long nothing is read again. A watch may be dead without a word.
const KEPT: Duration = Duration::from_secs(30);

impl Pass<'_> {
    /// The workloads of the rollout, and when they were like this. `None` if the cluster cannot be asked.
    pub(super) async fn view(
        &mut self,
        cut: &Cut<'_>,
        began: Timestamp,
    ) -> Option<(Timestamp, BTreeMap<String, Workload>)> {
        if let Some(view) = self.recalled(cut) {
            return Some((view.at, view.workloads));
        }
        let since = Instant::now();
        let workloads = self.workloads_of_both(cut).await?;
        let calm = workloads.values().all(is_calm) && !self.rollouts().lags;
        self.rollouts().view = calm.then(|| View {
            at: began,
            since,
            workloads: workloads.clone(),
        });
        Some((began, workloads))
    }

    /// What follows from what was seen; from what is read now, if anything is moved by it.
    pub(super) async fn decide(
        &mut self,
        before: &State,
        seen: &mut Observation,
        (cut, began): (&Cut<'_>, Timestamp),
    ) -> Option<(State, Effects)> {
        let (state, effects) = self.follows(before, seen);
        if seen.uncut.is_some() {
            self.say_still(&effects);
        }
        let moves = state.differs(before) || !is_same(&effects.wish, &self.rollouts().wish);
        if !moves || seen.at == began {
            return Some((state, effects));
        }
        self.state.forget_view();
        (seen.at, seen.workloads) = self.view(cut, self.now()).await?;
        Some(self.follows(before, seen))
    }

    async fn workloads_of_both(&mut self, cut: &Cut<'_>) -> Option<BTreeMap<String, Workload>> {
        match cut {
            Cut::Whole => Some(BTreeMap::new()),
            Cut::Beside(split) => self.workloads(split).await,
            Cut::Sides(two) => self.workloads_of(two).await,
        }
    }

    /// What was read before, if nothing has happened since and nobody is about to be led anywhere.
    fn recalled(&mut self, cut: &Cut<'_>) -> Option<View> {
        let rollouts = self.rollouts();
        let waits = rollouts.state.rollout.as_ref().is_some_and(waits);
        let view = rollouts.view.clone().filter(|_| waits)?;
        let fresh = view.since.elapsed() < KEPT;
        (fresh && !matches!(cut, Cut::Whole)).then_some(view)
    }
}

/// True while time, people or numbers are waited for.
fn waits(rollout: &Rollout) -> bool {
    match &rollout.phase {
        Phase::Stepping(stepping) => stepping.reached.is_some() && !rollout.adds_users(),
        Phase::Baking { .. } => true,
        Phase::Promoting { .. } | Phase::Returning { .. } | Phase::Ending { .. } => false,
    }
}

/// True if all is there that is wanted. Of pods that are replaced in place no watch tells.
fn is_calm(one: &Workload) -> bool {
    let there = |ready: u32, wanted: u32| ready >= wanted;
    let canary = one.canary.as_ref();
    one.router != Router::InPlace
        && there(one.stable.ready, one.stable.wanted)
        && canary.is_none_or(|pods| there(pods.ready, pods.wanted) && pods.stuck.is_none())
}

/// True if the same is to stand, whatever is asked meanwhile.
fn is_same(new: &Wish, old: &Wish) -> bool {
    let stands = |wish: &Wish| Wish {
        checks: Vec::new(),
        ..wish.clone()
    };
    stands(new) == stands(old)
}
