//! What goes on while nobody knows what the branch says: git cannot be asked, or has no such branch.
//!
//! What was begun or applied before is kept up, from the directory it was rendered from then: the spec may have gone over to
//! another repo meanwhile, and nothing is brought out of one commit that was written for another.

use render::TreePath;
use source::Revision;

use super::{
    Pass,
    choose::{Choice, again},
    upkeep::Applied,
};
use crate::{outcome::Stop, rendered};

impl Pass<'_> {
    /// The choice without a head; `hold` says why there is none.
    pub(super) async fn without_head(&mut self, hold: Option<Stop>) -> Choice {
        let nothing = Choice::stopped(hold);
        let Some(before) = self.begun_or_applied() else {
            return nothing;
        };
        let Some(mirror) = self.mirror_with(&before.revision) else {
            return nothing;
        };
        let seen = self.state.status.revision.seen.as_deref();
        let seen = seen.and_then(|seen| Revision::parse(seen).ok());
        let render = move || {
            let verified = again(&mirror, &before)?;
            let known = seen.filter(|seen| mirror.commit(seen).is_ok());
            let head = rendered::head(&mirror, &known.unwrap_or(before.revision));
            Some((head, verified))
        };
        match self.context.on_a_core(render).await.ok().flatten() {
            None => nothing,
            Some((head, verified)) => nothing.with(head, verified),
        }
    }

    /// True if nothing has stopped the pass but that nobody knows what the branch says now: what was begun goes on.
    pub(super) fn goes_on(&self) -> bool {
        let stop = self.outcome.stop.as_ref().map(|stop| &stop.message);
        stop.is_none() || stop == self.unheard.as_ref()
    }

    /// What stands, at least in part. `None` if that, or from where it was rendered, cannot be told.
    fn begun_or_applied(&mut self) -> Option<Applied> {
        if self.state.status.rollout.is_some() && !self.remember() {
            return None;
        }
        let applied = self.applied();
        let open = self.state.release.as_ref();
        let Some(open) = open.filter(|release| !release.has_ended()) else {
            return applied;
        };
        let rollouts = self.state.rollouts.as_ref();
        let rollout = rollouts.and_then(|all| all.state.rollout.as_ref());
        if let Some(rollout) = rollout.filter(|rollout| rollout.target.commit == open.revision) {
            return self.rendered_as(&rollout.target).ok();
        }
        let revision = Revision::parse(&open.revision).ok()?;
        let applied = applied?;
        let begun = !open.status.changes.is_empty();
        // Nobody noted it before all of it was applied, and the spec may speak of another repo by now.
        let path = TreePath::parse(&self.environment.spec.source.path);
        match (begun, open.taken_over) {
            _ if applied.revision == revision => Some(applied),
            (false, None) => Some(applied),
            (true, _) if path.as_ref() == Some(&applied.path) => Some(Applied {
                revision,
                ..applied
            }),
            // Whoever was stopped may have begun it, too.
            _ => None,
        }
    }
}
