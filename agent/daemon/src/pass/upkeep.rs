//! Keeping up what was applied before, while something newer has to wait or cannot be applied.
//!
//! Drift of what stands is put right towards the last applied revision; nothing new is made, no hook runs and nothing is
//! deleted. Why the newer one waits is not known here.

use render::TreePath;
use source::Revision;
use tokio_util::sync::CancellationToken;

use super::{Pass, choose};
use crate::{rendered::Rendering, repos::News};

impl Pass<'_> {
    /// `rendering` if nobody has to be waited for; otherwise what is kept up until then. `None` if the pass ends here.
    pub(super) async fn after_others(
        &mut self,
        rendering: Rendering,
        news: &News,
    ) -> Option<Rendering> {
        let Some(stop) = self.others(news).await else {
            return Some(rendering);
        };
        let held = rendering.revision;
        self.state.waits_for_others = true;
        self.announce(rendering).await;
        self.outcome.stop = Some(stop);
        self.kept_up(held).await
    }

    /// Makes the cluster equal to `rendering`, or keeps up what was applied before if one of its hooks is refused.
    pub(super) async fn bring_in(&mut self, rendering: Rendering, cancel: &CancellationToken) {
        let held = rendering.revision;
        self.converge(rendering, cancel).await;
        // What goes step by step is kept up by its rollout.
        if self.hooks.lacking
            && self.wished.is_none()
            && let Some(kept) = self.kept_up(held).await
        {
            self.converge(kept, cancel).await;
        }
    }

    /// What was applied before, where the cluster still is as that says. `None` where a newer revision was begun: that one
    /// stands in part, and nothing is taken back behind its back.
    async fn kept_up(&mut self, held: Revision) -> Option<Rendering> {
        let applied = self.state.status.revision.applied.as_deref()?;
        let applied = Revision::parse(applied).ok()?;
        let open = self.state.release.as_ref();
        let begun = open.is_some_and(|open| {
            !open.has_ended()
                && open.revision == held.to_string()
                && !open.status.changes.is_empty()
        });
        if begun && held != applied {
            return None;
        }
        let mirror = self.state.followed.as_ref()?.subscription.mirror()?;
        let path = TreePath::parse(&self.environment.spec.source.path)?;
        let again = move || choose::again(&mirror, &applied, &path);
        let verified = self.context.on_a_core(again).await.ok().flatten()?;
        self.upkeep = true;
        // Whatever is reported, it is no release of what waits.
        self.outcome.concerns = false;
        Some(verified.into_rendering())
    }
}
