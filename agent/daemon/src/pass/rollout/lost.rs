//! A good revision that cannot be had any more: the environment was pointed at another repository, which does not have it.
//!
//! The mirror of the repository before is held on to, so that the move itself is a revision like any other. Whoever begins
//! anew has only the new one. Then nobody can tell what a new version would stand beside, and what to go back to: nothing
//! goes out step by step, and that is said. Where no steps are asked for, nothing of the old revision is needed.

use std::sync::Arc;

use rollout::state::Revision;
use source::{HistoryError, Mirror};

use super::Pass;
use crate::rendered::Rendering;

impl Pass<'_> {
    /// The mirror that has `revision`: of the repository that is followed, or of one before. Otherwise that which
    /// says best what is wrong.
    pub(in crate::pass) fn mirror_with(&self, revision: &source::Revision) -> Option<Arc<Mirror>> {
        let now = self.mirror();
        let has = |mirror: &Arc<Mirror>| mirror.commit(revision).is_ok();
        let left = self.state.left.clone();
        let mut known = now.iter().chain(&left);
        known.find(|mirror| has(mirror)).cloned().or(now)
    }

    /// Forgets a good revision that nobody has any more, where all at once is what is asked for.
    pub(super) fn give_up_lost(&mut self, rendering: &Rendering) {
        let may = self.outcome.stop.is_none() && !self.leaving;
        let state = self.rollouts().state.clone();
        let Some(good) = state.good.clone().filter(|_| may) else {
            return;
        };
        let stepwise = !self.asked_for(&rendering.objects).is_empty();
        if stepwise || state.namespaces.is_some() || !self.is_lost(&good) {
            return;
        }
        tracing::warn!(environment = %self.key, revision = good.commit, "the good revision cannot be had any more; the newest one goes out at once");
        self.rollouts().state = state.without_good();
    }

    /// What is wrong with `revision`, and what to do about it.
    pub(super) fn cannot_be_had(&mut self, revision: &Revision, why: &str) -> String {
        let short = revision.commit.get(..7).unwrap_or_default();
        match self.is_lost(revision) {
            true => format!(
                "revision {short}, which serves or is on its way, is not in {}, so that nothing can go out step by step beside it; push it there, or let the new one out at once by strategy `none`",
                self.environment.spec.source.url
            ),
            false => format!("the good revision {short} cannot be rendered again: {why}"),
        }
    }

    /// True if neither memory nor any repository that is known has `revision`. One that cannot be read may have it.
    fn is_lost(&mut self, revision: &Revision) -> bool {
        if self.rollouts().objects(revision).is_some() {
            return false;
        }
        let (Ok(commit), Some(mirror)) = (source::Revision::parse(&revision.commit), self.mirror())
        else {
            return false;
        };
        let followed = self.state.followed.as_ref();
        if followed.is_none_or(|followed| followed.faulty) {
            // What could not be asked for may be there.
            return false;
        }
        let mut known = std::iter::once(&mirror).chain(&self.state.left);
        known.all(|mirror| matches!(mirror.commit(&commit), Err(HistoryError::Missing(_))))
    }

    fn mirror(&self) -> Option<Arc<Mirror>> {
        let followed = self.state.followed.as_ref()?;
        followed.subscription.mirror()
    }
}
