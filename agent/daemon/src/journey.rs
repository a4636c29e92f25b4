//! When a release passed which stage, by the clock: for its trace and for the time it took.
//!
//! Kept in memory only: after a restart in the middle of a release, the journey begins with the restart.

use std::time::{Duration, SystemTime};

use api::v1alpha1::{Phase, StageName, StageResult};
use source::Revision;

/// More passes than any release needs; a longer one shows its first ones.
const LONGEST: usize = 200;

/// The way of one revision into one environment, so far.
#[derive(Clone, Debug)]
pub(crate) struct Journey {
    pub(crate) revision: Revision,
    /// When a webhook, a poll or a person told of it.
    pub(crate) heard: SystemTime,
    pub(crate) legs: Vec<Leg>,
}

/// One stage of one pass.
#[derive(Clone, Debug)]
pub(crate) struct Leg {
    pub(crate) name: &'static str,
    pub(crate) from: SystemTime,
    pub(crate) to: SystemTime,
    pub(crate) failed: bool,
}

impl Journey {
    /// A journey that begins with what the repo's task tells, or now.
    pub(crate) fn new(revision: Revision, fetched: Option<&Fetched>) -> Self {
        let now = SystemTime::now();
        let legs = fetched.map(|fetched| Leg {
            name: name(StageName::Fetch),
            from: fetched.from,
            to: fetched.to,
            failed: false,
        });
        Self {
            revision,
            heard: fetched.map_or(now, |fetched| fetched.heard),
            legs: legs.into_iter().collect(),
        }
    }

    /// Adds the stages of a pass.
    pub(crate) fn extend(&mut self, legs: &[Leg]) {
        let room = LONGEST.saturating_sub(self.legs.len());
        self.legs.extend(legs.iter().take(room).cloned());
    }

    /// Adds the time from the last change to `now` as the wait for health.
    pub(crate) fn waited(&mut self, phase: Phase, now: SystemTime) {
        let applied =
            |leg: &&Leg| leg.name == name(StageName::Apply) || leg.name == name(StageName::Plan);
        let from = self.legs.iter().rfind(applied).map(|leg| leg.to);
        self.extend(&[Leg {
            name: name(StageName::Health),
            from: from.unwrap_or(self.heard),
            to: now,
            failed: phase != Phase::Healthy,
        }]);
    }

    /// How long it has been under way.
    pub(crate) fn took(&self, now: SystemTime) -> Duration {
        now.duration_since(self.heard).unwrap_or_default()
    }
}

impl Leg {
    /// A stage that has just ended.
    pub(crate) fn ended(stage: StageName, result: StageResult, took: Duration) -> Self {
        let to = SystemTime::now();
        Self {
            name: name(stage),
            from: to.checked_sub(took).unwrap_or(to),
            to,
            failed: result == StageResult::Failed,
        }
    }
}

/// When a repo was looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fetched {
    /// When somebody told that there may be news.
    pub(crate) heard: SystemTime,
    pub(crate) from: SystemTime,
    pub(crate) to: SystemTime,
}

/// The stage in metrics and traces.
pub(crate) const fn name(stage: StageName) -> &'static str {
    match stage {
        StageName::Fetch => "fetch",
        StageName::Render => "render",
        StageName::Verify => "verify",
        StageName::Plan => "plan",
        StageName::Apply => "apply",
        StageName::Prune => "prune",
        StageName::Health => "health",
    }
}

/// The end of a release in metrics and traces.
pub(crate) const fn ending(phase: Phase) -> &'static str {
    match phase {
        Phase::Progressing => "progressing",
        Phase::Healthy => "healthy",
        Phase::Degraded => "degraded",
        Phase::Failed => "failed",
        Phase::Superseded => "superseded",
    }
}
