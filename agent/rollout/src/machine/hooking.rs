//! Hooks that come before the new version: there are no pods of it until they have ended well, and one that fails is
//! enough to send it back.

use super::Run;
use crate::{
    observe::{Observation, Prepared},
    state::{Cause, Direction, Rollout},
};

impl Run<'_> {
    /// A hook that has failed. On the way back none is run.
    pub(super) fn unprepared(&self) -> Option<Cause> {
        let rollout = self.state.rollout.as_ref()?;
        match &self.seen.prepared {
            Prepared::Failed(why) if rollout.is_prepared_for() => {
                Some(Cause::HookFailed { why: why.clone() })
            }
            _ => None,
        }
    }

    /// What nobody leaves out with a step.
    pub(super) fn comes_first(&self) -> Option<String> {
        let rollout = self.state.rollout.as_ref()?;
        let left = rollout.hooks_left(self.seen)?;
        Some(format!("its hooks come first: {left}"))
    }
}

impl Rollout {
    /// What is still to be run before it.
    pub(super) fn hooks_left(&self, seen: &Observation) -> Option<String> {
        match &seen.prepared {
            Prepared::Coming(why) | Prepared::Running(why) | Prepared::Failed(why)
                if self.is_prepared_for() =>
            {
                Some(why.clone())
            }
            _ => None,
        }
    }

    /// True while a hook is at work: it has a deadline of its own.
    pub(super) fn has_hook_at_work(&self, seen: &Observation) -> bool {
        self.is_prepared_for() && matches!(seen.prepared, Prepared::Running(_))
    }

    const fn is_prepared_for(&self) -> bool {
        matches!(self.direction, Direction::Forward)
    }
}
