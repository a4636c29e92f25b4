//! What a pass has to tell and may tell a moment later, with more: a step of a rollout is a few passes within a second.
//!
//! Only what is safe already: the state of the rollout and its decisions were written ahead of what was done about them.
//! And what could not be written, whatever the reason: nothing may ever happen here again that would have it told.

use std::borrow::Cow;

use crate::outcome::Outcome;
use api::{
    ConditionType,
    v1alpha1::{AuditStatus, ChangeRecord, DriftEntry, EnvironmentStatus, ReleaseStatus},
};

/// What is owed.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each tells of one thing that is owed or not, independent of the others"
)]
pub(crate) struct Owing {
    /// True once this pass has written the state of a rollout, and the conditions with it.
    pub(crate) ahead: bool,
    /// True while something is to be told yet.
    pub(crate) some: bool,
    /// True once something could not be written, and is to be tried again after a while.
    pub(crate) failed: bool,
    /// True while nobody knows whether the status that was sent last is stored.
    pub(crate) unsure: bool,
    /// Changes that no Release tells of yet.
    pub(crate) changes: Vec<ChangeRecord>,
    /// Drift that no status tells of yet.
    pub(crate) drift: Vec<DriftEntry>,
    /// An audit that no status tells of yet.
    pub(crate) audit: Option<AuditStatus>,
    /// Releases that have ended and do not say so yet, by name.
    pub(crate) ended: Vec<(String, ReleaseStatus)>,
}

impl Owing {
    /// True if the Release can wait: a step has begun, and what comes of it is still to be seen.
    pub(crate) fn may_wait(&self, outcome: &Outcome) -> bool {
        let told = outcome.rollout.as_ref();
        let begins = told.is_some_and(|told| !told.records.is_empty() && told.only_begins());
        self.ahead && begins && outcome.is_sound()
    }

    /// Takes what is not told now.
    pub(crate) fn take(&mut self, outcome: &Outcome) {
        self.some = true;
        self.changes.extend(outcome.changes.iter().cloned());
    }

    /// `outcome` with what is owed.
    pub(crate) fn with(&self, mut outcome: Outcome) -> Outcome {
        let changes = std::mem::take(&mut outcome.changes);
        outcome.changes.clone_from(&self.changes);
        outcome.changes.extend(changes);
        outcome
    }

    /// `outcome` with drift that is owed.
    pub(crate) fn with_drift<'o>(&self, outcome: &'o Outcome) -> Cow<'o, Outcome> {
        let known = |entry: &&DriftEntry| !outcome.drift.contains(entry);
        let owed: Vec<_> = self.drift.iter().filter(known).cloned().collect();
        if owed.is_empty() {
            return Cow::Borrowed(outcome);
        }
        let mut outcome = outcome.clone();
        outcome.drift.extend(owed);
        Cow::Owned(outcome)
    }

    /// True if `new` can wait: it differs from `old`, which was written a moment ago, in how healthy things are alone.
    pub(crate) fn are_words(&self, old: &EnvironmentStatus, new: &EnvironmentStatus) -> bool {
        let rest = |status: &EnvironmentStatus| {
            let mut rest = status.clone();
            rest.health = None;
            let healthy = ConditionType::Healthy.as_str();
            rest.conditions.retain(|one| one.type_ != healthy);
            rest
        };
        self.ahead && rest(old) == rest(new)
    }
}
