//! What one pass over an environment found and did.
//!
//! Status, release, events and metrics are all computed from this value, by [`crate::report`] alone.

use api::{
    Reason,
    v1alpha1::{
        Action, ChangeRecord, CommitRecord, Counts, DriftEntry, Failure, ForeignEntry, Health,
        HookRecord, Leaving, MetricState, PendingPlan, ReleaseRollout, RolloutPhase, RolloutStatus,
        StageName, StageRecord, StageResult, WaitingFor, WaitingRevision, WindowOverride,
    },
};
use jiff::Timestamp;
use rollout::{
    judge::Verdict,
    wish::{Event, Record},
};
use source::Revision;

use crate::journey::Leg;

/// Everything one pass has to tell.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each tells of one thing that was done or not, independent of the others"
)]
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// The commit this pass made the cluster equal to, or tried to.
    pub(crate) head: Option<Head>,
    /// The directory that was rendered.
    pub(crate) path: Option<String>,
    /// True if that commit touches what this environment reads and was not applied before.
    pub(crate) concerns: bool,
    /// How far each stage came.
    pub(crate) stages: Vec<StageRecord>,
    /// When this pass was at which of them.
    pub(crate) legs: Vec<Leg>,
    /// What was changed.
    pub(crate) changes: Vec<ChangeRecord>,
    /// How many objects were left as they were.
    pub(crate) unchanged: u32,
    /// What keeps single objects from being applied.
    pub(crate) failures: Vec<Failure>,
    /// How many of them are refused deletions.
    pub(crate) undeleted: usize,
    /// What is not changed before they are applied, because it comes in a later wave or lives in one of them.
    pub(crate) held_back: Vec<krm::ObjectId>,
    /// What git asks for and another environment has: only that one's letting go helps.
    pub(crate) claims: Vec<krm::ObjectId>,
    /// A plan that waits for approval.
    pub(crate) pending: Option<PendingPlan>,
    /// What somebody else had changed.
    pub(crate) drift: Vec<DriftEntry>,
    /// How many objects differ from git when the pass ends.
    pub(crate) drifted: u32,
    /// Fields that people have added and git does not mention; `None` where nobody has looked.
    pub(crate) foreign: Option<Vec<ForeignEntry>>,
    /// How many objects are managed.
    pub(crate) objects: u32,
    /// The health of all of them, once they are applied.
    pub(crate) health: Option<Wellbeing>,
    /// True if deletions wait until the neighbours have looked at the same commit.
    pub(crate) deletions_wait: bool,
    /// True if git was compared with the cluster.
    pub(crate) compared: bool,
    /// True if the Environment may go: nothing is left to tell.
    pub(crate) departed: bool,
    /// What was deleted and is not gone yet. Nothing waits for it.
    pub(crate) leaving: Vec<Leaving>,
    /// Objects that git asks for and that are being deleted: they are made anew once they are gone.
    pub(crate) deleting: Vec<krm::ObjectId>,
    /// True if later waves wait for the health of earlier ones.
    pub(crate) waves_wait: bool,
    /// The revision that has to wait for its time, and what it would change.
    pub(crate) waiting: Option<WaitingRevision>,
    /// Set by the pass that began a revision outside of its windows.
    pub(crate) overridden: Option<WindowOverride>,
    /// What came of the hooks of this release, as far as they were run.
    pub(crate) hooks: Vec<HookRecord>,
    /// What the release waits for, where that is a hook.
    pub(crate) hook: Option<HookState>,
    /// What more the hooks of this release may do.
    pub(crate) open: OpenHooks,
    /// Where the rollout stands, if anything here goes step by step.
    pub(crate) rollout: Option<Told>,
    /// The revision that was begun before, and is applied now while a newer one has to wait.
    pub(crate) finished: Option<Revision>,
    /// Why the pass could not be finished.
    pub(crate) stop: Option<Stop>,
}

/// A commit, as far as reports care.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) revision: Revision,
    pub(crate) commit: CommitRecord,
}

/// The worst health, and the object that has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wellbeing {
    pub(crate) worst: Health,
    pub(crate) waiting_for: Option<WaitingFor>,
    /// True if it has been unwell for longer than the spec allows.
    pub(crate) overdue: bool,
}

/// What the hooks of a release may still do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OpenHooks {
    /// True while some are at work: that they end is more than a word.
    pub(crate) running: bool,
    /// True if some run when the release fails.
    pub(crate) on_failure: bool,
}

/// A hook that is not done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum HookState {
    /// Its turn has not come.
    Coming,
    /// It is not at its end.
    Running { job: String, why: String },
    /// It has failed.
    Failed {
        job: String,
        /// True if it was to run before the new version.
        before: bool,
        why: String,
    },
}

/// What a look at a rollout has to tell.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) status: RolloutStatus,
    /// For the Release, while a rollout is under way.
    pub(crate) release: Option<ReleaseRollout>,
    /// The last numbers; none while nothing is under way and nothing has just ended.
    pub(crate) metrics: Vec<MetricState>,
    /// What was decided in this look.
    pub(crate) records: Vec<Record>,
    /// True if what git asks for is what serves.
    pub(crate) current: bool,
}

impl Told {
    /// True if git's newest stands, and nothing was decided or is to be told besides.
    pub(crate) fn rests(&self) -> bool {
        self.current
            && self.status.phase == RolloutPhase::Settled
            && self.status.message.is_empty()
            && self.release.is_none()
            && self.metrics.is_empty()
            && self.records.is_empty()
    }

    /// True if no more was decided than that a step begins: what comes of it is still to be seen.
    pub(crate) fn only_begins(&self) -> bool {
        self.records
            .iter()
            .all(|record| record.event == Event::StepStarted)
    }

    /// True if no more came in than numbers that were good.
    fn only_good_numbers(&self) -> bool {
        let good = |record: &Record| {
            let decision = record.decision.as_ref();
            record.event == Event::Judged
                && decision.is_some_and(|one| one.verdict == Verdict::Good)
        };
        !self.records.is_empty() && self.records.iter().all(good)
    }
}

/// Why a pass could not be finished.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    pub(crate) reason: Reason,
    pub(crate) message: String,
    /// Whether trying again may help, or somebody has to act first.
    pub(crate) retry: Retry,
}

/// What happens after a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// After a while.
    Later,
    /// When something changes in git, the spec or the cluster.
    OnChange,
    /// At once: something newer is there.
    Now,
    /// At this time.
    At(Timestamp),
}

impl Outcome {
    /// Notes the end of a stage.
    pub(crate) fn stage(&mut self, stage: StageName, result: StageResult, message: Option<String>) {
        self.stages.retain(|record| record.stage != stage);
        self.stages.push(StageRecord {
            stage,
            result,
            milliseconds: None,
            message,
        });
    }

    /// Notes the end of a stage and how long it took.
    pub(crate) fn timed(
        &mut self,
        stage: StageName,
        result: StageResult,
        took: std::time::Duration,
        message: Option<String>,
    ) {
        self.stage(stage, result, message);
        self.legs.push(Leg::ended(stage, result, took));
        if let Some(record) = self.stages.last_mut() {
            record.milliseconds = u64::try_from(took.as_millis()).ok();
        }
    }

    /// Ends the pass.
    pub(crate) fn stop(&mut self, reason: Reason, message: impl Into<String>, retry: Retry) {
        self.stop = Some(Stop {
            reason,
            message: message.into(),
            retry,
        });
    }

    /// True if all there is to tell for `reason` changes every moment: how many pods are there by now.
    pub(crate) fn has_only_words(&self, reason: Reason) -> bool {
        match (reason, &self.rollout) {
            (Reason::WaitingForHealth, _) => true,
            (Reason::RollingOut, Some(told)) => told.only_begins(),
            _ => false,
        }
    }

    /// True if all there is to tell for `reason` besides is that numbers were good.
    pub(crate) fn has_only_numbers(&self, reason: Reason) -> bool {
        let waits = matches!(reason, Reason::RollingOut | Reason::RolloutWaiting);
        let told = self.rollout.as_ref().filter(|_| waits);
        told.is_some_and(Told::only_good_numbers)
    }

    /// The numbers of the release.
    pub(crate) fn counts(&self) -> Counts {
        let count = |wanted: &[Action]| {
            let many = self
                .changes
                .iter()
                .filter(|change| wanted.contains(&change.action))
                .count();
            u32::try_from(many).unwrap_or(u32::MAX)
        };
        Counts {
            created: count(&[Action::Created]),
            updated: count(&[Action::Updated, Action::Recreated, Action::Adopted]),
            deleted: count(&[Action::Deleted]),
            unchanged: self.unchanged,
            failed: u32::try_from(self.failures.len()).unwrap_or(u32::MAX),
        }
    }

    /// True if everything git asks for is in the cluster.
    pub(crate) fn is_applied(&self) -> bool {
        let current = self.rollout.as_ref().is_none_or(|told| told.current);
        self.is_sound() && !self.waves_wait && !self.deletions_wait && current
    }

    /// What there is to tell of the release of `revision`, if this says something of it.
    pub(crate) fn of(&self, revision: &str) -> Option<Self> {
        let is = |told: &Revision| told.to_string() == revision;
        if self.finished.as_ref().is_some_and(is) {
            let stop = None;
            return Some(Self {
                stop,
                ..self.clone()
            });
        }
        let head = self.head.as_ref();
        head.is_some_and(|head| is(&head.revision))
            .then(|| self.clone())
    }

    /// True if nothing went wrong, whether or not something has to wait.
    pub(crate) fn is_sound(&self) -> bool {
        self.stop.is_none()
            && self.pending.is_none()
            && self.failures.is_empty()
            && self.deleting.is_empty()
    }
}
