//! Keeping up what was applied before, while something newer has to wait or cannot be applied.
//!
//! Drift of what stands is put right towards the last applied revision; nothing new is made, no hook runs and nothing is
//! deleted. Why the newer one waits is not known here.

use std::collections::BTreeSet;

use api::v1alpha1::DriftMode;
use krm::ObjectId;
use plan::{
    desired::Desired,
    diff::{Action, Plan},
};
use render::TreePath;
use source::Revision;
use tokio_util::sync::CancellationToken;

use super::{Pass, choose, scopes::Kinds};
use crate::{chain, rendered::Rendering, repos::News, verify::Verified};

/// What was last applied: a directory of a commit.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Applied {
    pub(super) revision: Revision,
    pub(super) path: TreePath,
}

impl Pass<'_> {
    /// What was last applied, from wherever it was rendered then.
    pub(super) fn applied(&self) -> Option<Applied> {
        let status = &self.state.status.revision;
        let revision = Revision::parse(status.applied.as_deref()?).ok()?;
        let noted = status.path.as_deref().and_then(TreePath::parse);
        // An older agent did not note it.
        let path = noted.or_else(|| TreePath::parse(&self.environment.spec.source.path));
        let path = path.unwrap_or_default();
        Some(Applied { revision, path })
    }

    /// Where `revision` of a rollout was rendered from; an older agent noted no path.
    pub(super) fn rendered_as(
        &self,
        revision: &rollout::state::Revision,
    ) -> Result<Applied, String> {
        let path = match revision.path.as_str() {
            "" => &self.environment.spec.source.path,
            path => path,
        };
        let path = TreePath::parse(path);
        Ok(Applied {
            revision: Revision::parse(&revision.commit).map_err(|error| chain::text(&error))?,
            path: path.ok_or("spec.source.path leads out of the repository")?,
        })
    }

    /// What was applied, rendered once more.
    pub(super) async fn applied_again(&self, applied: Applied) -> Option<Verified> {
        let mirror = self.mirror_with(&applied.revision)?;
        let again = move || choose::again(&mirror, &applied);
        self.context.on_a_core(again).await.ok().flatten()
    }

    /// `rendering` if nobody has to be waited for; otherwise what is kept up until then. `None` if the pass ends here.
    ///
    /// What is on its way step by step goes on: it has users, and may be the very reason why somebody else is not ready.
    pub(super) async fn after_others(
        &mut self,
        rendering: Rendering,
        news: &News,
    ) -> Option<Rendering> {
        if self.is_set_out(&rendering) {
            return Some(rendering);
        }
        let Some(stop) = self.others(news).await else {
            return Some(rendering);
        };
        let held = of(&rendering);
        self.state.waits_for_others = true;
        self.announce(rendering).await;
        self.outcome.stop = Some(stop);
        self.kept_up(&held).await
    }

    /// True if a rollout brings `rendering` out already, or has rejected it: then nothing of it begins.
    fn is_set_out(&self, rendering: &Rendering) -> bool {
        let Some(state) = self.stored_rollout() else {
            return false;
        };
        let commit = rendering.revision.to_string();
        let under_way = state.rollout.as_ref();
        let rejected = state.rejected.iter().filter(|one| !one.retry);
        let mut rejected = rejected.map(|one| &one.revision.commit);
        under_way.is_some_and(|one| one.target.commit == commit)
            || (!self.is_to_be_retried(&state) && rejected.any(|rejected| *rejected == commit))
    }

    /// Makes the cluster equal to `rendering`, or keeps up what was applied before if one of its hooks is refused.
    pub(super) async fn bring_in(&mut self, rendering: Rendering, cancel: &CancellationToken) {
        let held = of(&rendering);
        self.converge(rendering, cancel).await;
        // What goes step by step is kept up by its rollout.
        if self.hooks.lacking
            && self.wished.is_none()
            && let Some(kept) = self.kept_up(&held).await
        {
            self.converge(kept, cancel).await;
        }
        self.keep_up_rest(&held, cancel).await;
    }

    /// Puts back what has to wait for its change and was changed or deleted by somebody meanwhile: a failed hook, or
    /// an earlier wave that does not become healthy, may take days to be seen to.
    async fn keep_up_rest(&mut self, held: &Applied, cancel: &CancellationToken) {
        let waiting = std::mem::take(&mut self.left);
        let repairs = self.environment.spec.drift == DriftMode::Repair;
        let stops = !repairs || self.wished.is_some() || self.upkeep || cancel.is_cancelled();
        if stops || !self.is_disturbed(&waiting) {
            return;
        }
        let Some(rendering) = self.applied_before(held).await else {
            return;
        };
        let Some((kinds, desires)) = self.desires(rendering.objects).await else {
            return;
        };
        let desired = desires.objects;
        let Some((seen, _)) = self.see(&kinds, &desired, false).await else {
            return;
        };
        let plan = self.plan(&desired, &seen, false);
        let plan = plan.only_back(&desired, &waiting);
        if plan.waves.is_empty() || !self.write_ahead(&desired, &plan).await {
            return;
        }
        self.put_back(&kinds, &desired, &plan).await;
        self.store().await;
    }

    /// True if one of `ids` is not as the inventory recorded it, or not there.
    fn is_disturbed(&self, ids: &BTreeSet<ObjectId>) -> bool {
        !self.state.changed_by_others(ids).is_empty()
    }

    async fn put_back(&mut self, kinds: &Kinds, desired: &[Desired], plan: &Plan) {
        let told = std::mem::take(&mut self.outcome.drift);
        let drifted = self.who_drifted(kinds, desired, plan).await;
        let carrier = self.carrier(kinds);
        for change in plan.changes() {
            let object = &desired[change.index];
            let carried = carrier.apply(object, change.force, false).await;
            // It was there before, whatever the new revision has made of its record.
            self.carried(object, Some(Action::Restore), carried.map(Box::new));
        }
        self.note_drift(drifted, plan);
        let new = |entry: &api::v1alpha1::DriftEntry| {
            let mut now = self.outcome.drift.iter();
            !now.any(|now| now.object == entry.object)
        };
        let before: Vec<_> = told.into_iter().filter(new).collect();
        self.outcome.drift.extend(before);
    }

    /// What was applied before, where the cluster still is as that says. `None` where a newer revision was begun: that one
    /// stands in part, and nothing is taken back behind its back.
    async fn kept_up(&mut self, held: &Applied) -> Option<Rendering> {
        let applied = self.applied()?;
        let open = self.state.release.as_ref();
        let begun = open.is_some_and(|open| {
            !open.has_ended()
                && open.revision == held.revision.to_string()
                && !open.status.changes.is_empty()
        });
        if begun && held.revision != applied.revision {
            return None;
        }
        let rendering = self.applied_again(applied).await?.into_rendering();
        self.upkeep = true;
        // Whatever is reported, it is no release of what waits.
        self.outcome.concerns = false;
        Some(rendering)
    }

    /// What was applied before `held`, if that is something else.
    async fn applied_before(&self, held: &Applied) -> Option<Rendering> {
        let applied = self.applied().filter(|applied| applied != held)?;
        let again = self.applied_again(applied).await?;
        Some(again.into_rendering())
    }
}

/// What was rendered.
fn of(rendering: &Rendering) -> Applied {
    Applied {
        revision: rendering.revision,
        path: rendering.path.clone(),
    }
}
