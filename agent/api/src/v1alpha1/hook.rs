//! Jobs that run on the way of a release, and what came of them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What came of one hook in one release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HookRecord {
    /// The Job as git names it: `Job/shop/migrate`.
    pub hook: String,
    /// When it runs.
    pub point: HookPoint,
    /// The name of the Job that ran.
    pub job: String,
    /// How it stands.
    pub result: HookResult,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When its end was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// Why it failed, in the Job's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The last lines of its newest pod's log, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

/// The run of a hook that an object in the inventory is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HookEntry {
    /// The Job's name in git.
    pub name: String,
    /// When it runs.
    pub point: HookPoint,
    /// The Release it belongs to; of a number, what the rollout calls it.
    pub release: String,
    /// How it stands.
    pub result: HookResult,
    /// Of a number that a rollout wants to know: its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<SampleSpan>,
}

/// The time of a number that a Job is run for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SampleSpan {
    /// When it was due.
    pub from: MicroTime,
    /// Until when it means anything.
    pub until: MicroTime,
}

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum HookPoint {
    /// Before the workloads of its wave.
    Before,
    /// Once everything is applied and healthy.
    After,
    /// Once the release has failed.
    Failed,
    /// When a rollout wants to know a number.
    Sample,
}

/// How a hook stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HookResult {
    /// Not at its end.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
}

impl HookPoint {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Failed => "failed",
            Self::Sample => "sample",
        }
    }
}

impl HookResult {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}
