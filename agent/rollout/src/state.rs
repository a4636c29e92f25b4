//! What a rollout has to remember, and nothing it can see again.
//!
//! One value for each environment, small, written into the cluster whenever it changes in a way that matters
//! ([`State::differs`]). What a restart forgets is only good samples, so that it never makes anything pass; of Jobs, which
//! are dear to run again, not even those.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    judge::Decision,
    strategy::{Flag, Namespaces, Strategy},
    victim::Victim,
    watched::Watched,
};

mod tally;

pub use tally::Tally;

/// The format written here. A newer one is refused, never guessed at.
pub const FORMAT: u32 = 1;
/// How many rejected revisions are remembered.
pub(crate) const REJECTIONS: usize = 8;

/// Everything an environment remembers of its rollouts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Which format this is.
    pub format: u32,
    /// The last good revision: what serves, and what drift is repaired towards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<Revision>,
    /// The one that was good before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<Revision>,
    /// Revisions that are not tried again by themselves, newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<Rejection>,
    /// The two namespaces that take turns, once a strategy has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
    /// The namespace that the good revision is in, once it is in one of them; before, it is in the environment's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<String>,
    /// Where the former release is kept, ready to take over again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby: Option<Standby>,
    /// Feature flags as steps have set them, by [`Flag::id`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub flags: BTreeMap<String, Flag>,
    /// What git said of each of them when a step set it, as digests. Where it says something else, git counts again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub flags_in_git: Said,
    /// How many rollouts there have been.
    #[serde(default)]
    pub rollouts: u64,
    /// The last command that was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled: Option<String>,
    /// The rollout under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
}

/// One revision of the environment. Equal objects make equal revisions, whatever the commit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// The full commit id.
    pub commit: String,
    /// Digest of the rendered objects.
    pub digest: String,
    /// The Release that records it.
    pub release: String,
    /// The directory it is rendered from; empty where an older agent noted it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
}

/// A revision that was tried and sent back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejection {
    /// Which.
    pub revision: Revision,
    /// The number of the rollout.
    pub number: u64,
    /// When it was sent back.
    pub at: Timestamp,
    /// Why.
    pub cause: Cause,
    /// True once somebody asked for a second chance.
    #[serde(default)]
    pub retry: bool,
}

/// Why a revision was sent back, or a rollout ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Cause {
    /// A number was beyond its limit.
    AnalysisFailed {
        /// With the number.
        decision: Decision,
    },
    /// A number was missing for too long.
    AnalysisMissing {
        /// The last one that was asked for.
        metric: String,
        /// Why it is missing.
        why: String,
    },
    /// Pods did not become ready, or weights were not seen, within the deadline.
    NotReady {
        /// What it waited for.
        why: String,
    },
    /// Pods fail in a way that waiting does not mend.
    Crashing {
        /// In their own words.
        why: String,
    },
    /// A hook that was to run before it failed.
    HookFailed {
        /// Which, and why.
        why: String,
    },
    /// A synthetic check raised the alarm.
    Alarm {
        /// Which, and what it saw.
        why: String,
    },
    /// Somebody said so.
    Aborted {
        /// Who.
        by: String,
    },
    /// A newer revision came.
    Superseded {
        /// Its commit.
        by: String,
    },
    /// Git went back to what serves.
    Reverted,
    /// The Environment is being deleted.
    Removed,
}

/// A namespace that does not serve any more and could again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standby {
    /// Its name.
    pub namespace: String,
    /// How long the former release stays there.
    pub until: Timestamp,
    /// Pods that each workload had when it served, by `Deployment/shop/web`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pods: BTreeMap<String, u32>,
}

/// The way of one revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// Where it goes.
    pub target: Revision,
    /// Which rollout of the environment this is, from 1; no other one has its number.
    pub number: u64,
    /// Forward to a new revision, or back to the former one.
    pub direction: Direction,
    /// As it stood when the rollout began; changing the document does not change a rollout under way.
    pub strategy: Strategy,
    /// The namespace it goes to, where that is another one than that of the good revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<String>,
    /// When it began.
    pub began: Timestamp,
    /// Pods each workload had then. A share of the users needs that share of them, whatever an autoscaler
    /// makes of the old version while it has less to do.
    pub baseline: BTreeMap<String, u32>,
    /// Whom its numbers are about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub watched: Vec<Watched>,
    /// Since when nobody looks, because the Environment is suspended: its time stands still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<Timestamp>,
    /// Who stopped it, if somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
    /// Synthetic checks that failed before it began and have not passed since: it is not to blame for them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ailing: BTreeSet<String>,
    /// Flags before the first step.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub flags_before: BTreeMap<String, Flag>,
    /// What git had said of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub flags_in_git_before: Said,
    /// The step it is at, or was at last; from 0.
    pub step: usize,
    /// Per cent of the requests that the new version is to get now.
    pub weight: u8,
    /// Where it stands.
    pub phase: Phase,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// To a revision that has not served yet.
    Forward,
    /// To the one that served before, after an alarm.
    Back,
}

/// Where a rollout stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum Phase {
    /// On the way through the steps.
    Stepping(Stepping),
    /// The stable workloads become the new revision; the canary goes on serving.
    Promoting {
        /// When that began.
        since: Timestamp,
        /// What is watched.
        watch: Tallies,
    },
    /// Everybody goes to the stable workloads, which are of the new revision.
    Returning {
        /// When that began.
        since: Timestamp,
    },
    /// Promoted; an alarm still brings the former release back.
    Baking {
        /// When that began.
        since: Timestamp,
        /// What is watched.
        watch: Tallies,
    },
    /// Everybody goes back to the old version.
    Ending {
        /// When that began.
        since: Timestamp,
        /// Why.
        cause: Cause,
    },
}

/// How the current step stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stepping {
    /// When it was entered.
    pub entered: Timestamp,
    /// Since when pods and weight are as the step wants them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Timestamp>,
    /// Since when they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Timestamp>,
    /// Pods that a chaos step kills, chosen once and written down before the first of them is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub victims: Option<Vec<Victim>>,
    /// Since when its disturbance is all there. Its time is counted from then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disturbed: Option<Timestamp>,
    /// Who has approved it, or said to go on.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub approvals: BTreeSet<String>,
    /// Samples of the step's own analysis.
    #[serde(default)]
    pub gate: Tallies,
    /// Samples of what is watched all the time.
    #[serde(default)]
    pub watch: Tallies,
}

/// Digests of what git says of flags, by [`Flag::id`].
pub type Said = BTreeMap<String, BTreeSet<String>>;

/// Samples of each metric.
pub type Tallies = BTreeMap<String, Tally>;

/// Why a stored state cannot be gone on with. Nothing moves until somebody has seen to it.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A newer agent wrote it.
    #[error(
        "the rollout's state is of format {0}, and this agent knows formats up to {FORMAT}; update the agent"
    )]
    Newer(u64),
    /// It is damaged.
    #[error("the rollout's state cannot be read")]
    Damaged(#[source] serde_json::Error),
}

impl Default for State {
    fn default() -> Self {
        Self {
            format: FORMAT,
            good: None,
            former: None,
            rejected: Vec::new(),
            namespaces: None,
            side: None,
            standby: None,
            flags: BTreeMap::new(),
            flags_in_git: Said::new(),
            rollouts: 0,
            handled: None,
            rollout: None,
        }
    }
}

impl State {
    /// Reads what [`State::write`] wrote.
    pub fn read(stored: &Value) -> Result<Self, StateError> {
        let format = stored["format"].as_u64().unwrap_or_default();
        if format > u64::from(FORMAT) {
            return Err(StateError::Newer(format));
        }
        serde_json::from_value(stored.clone()).map_err(StateError::Damaged)
    }

    /// For storing.
    pub fn write(&self) -> Value {
        serde_json::to_value(self)
            .expect("writable because every key is a text and every number finite")
    }

    /// True if `stored` lacks something that a restart must not forget.
    pub fn differs(&self, stored: &Self) -> bool {
        self.write() != stored.write()
    }

    /// The same without anything that the good revision is needed for: what comes next is a first one.
    #[must_use]
    pub fn without_good(&self) -> Self {
        Self {
            rejected: self.rejected.clone(),
            flags: self.flags.clone(),
            flags_in_git: self.flags_in_git.clone(),
            rollouts: self.rollouts,
            handled: self.handled.clone(),
            ..Self::default()
        }
    }

    /// The rejection of `revision`, unless a second chance was asked for.
    pub fn rejection(&self, revision: &Revision) -> Option<&Rejection> {
        let mut rejected = self.rejected.iter();
        rejected.find(|rejection| rejection.revision == *revision && !rejection.retry)
    }
}

impl Rollout {
    /// Which rollout this is: what approvals, commands and samples are bound to.
    pub fn id(&self) -> String {
        format!("{}#{}", self.target.release, self.number)
    }
}

impl Stepping {
    /// A step that was entered just now.
    pub fn new(now: Timestamp) -> Self {
        Self {
            entered: now,
            reached: None,
            waiting: None,
            victims: None,
            disturbed: None,
            approvals: BTreeSet::new(),
            gate: Tallies::new(),
            watch: Tallies::new(),
        }
    }
}

impl Cause {
    /// One word from a closed set.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::AnalysisFailed { .. } => "AnalysisFailed",
            Self::AnalysisMissing { .. } => "AnalysisMissing",
            Self::NotReady { .. } => "CanaryNotReady",
            Self::Crashing { .. } => "CanaryCrashing",
            Self::HookFailed { .. } => "HookFailed",
            Self::Alarm { .. } => "SyntheticAlarm",
            Self::Aborted { .. } => "RolloutAborted",
            Self::Superseded { .. } => "Superseded",
            Self::Reverted => "RolloutReverted",
            Self::Removed => "Removing",
        }
    }

    /// True if the revision is to blame, so that it is not tried again by itself.
    pub const fn rejects(&self) -> bool {
        !matches!(
            self,
            Self::Superseded { .. } | Self::Reverted | Self::Removed
        )
    }

    /// In a sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::AnalysisFailed { decision } => format!("{}: {}", decision.metric, decision.why),
            Self::AnalysisMissing { metric, why } => format!("{metric}: {why}"),
            Self::NotReady { why }
            | Self::Crashing { why }
            | Self::HookFailed { why }
            | Self::Alarm { why } => why.clone(),
            Self::Aborted { by } => format!("aborted by {by}"),
            Self::Superseded { by } => format!("{by} is newer"),
            Self::Reverted => "git went back to what serves".to_owned(),
            Self::Removed => "the Environment is being deleted".to_owned(),
        }
    }
}

impl PartialEq for Revision {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Revision {}
