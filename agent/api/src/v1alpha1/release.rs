//! `Release`: the record of one revision's way into one environment.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    environment::{Failure, Health},
    hook::HookRecord,
    rollout::ReleaseRollout,
    window::WindowOverride,
};

/// Which revision went into which environment.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "driftless.dev",
    version = "v1alpha1",
    kind = "Release",
    plural = "releases",
    shortname = "rel",
    category = "driftless",
    namespaced,
    status = "ReleaseStatus",
    derive = "PartialEq",
    printcolumn(
        name = "Environment",
        type_ = "string",
        json_path = ".spec.environment"
    ),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Revision", type_ = "string", json_path = ".spec.revision"),
    printcolumn(name = "Author", type_ = "string", json_path = ".spec.commit.author"),
    printcolumn(name = "Subject", type_ = "string", json_path = ".spec.commit.subject"),
    printcolumn(
        name = "Waiting for",
        type_ = "string",
        json_path = ".status.waitingFor.object",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseSpec {
    /// The Environment, in the same namespace.
    pub environment: String,
    /// Counts up from 1 within the environment.
    pub number: u64,
    /// The full commit id.
    pub revision: String,
    /// The commit that was applied before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// The branch it came from.
    pub branch: String,
    /// The overlay.
    pub path: String,
    /// What the commit says about itself.
    pub commit: CommitRecord,
    /// What made the agent look: `Commit`, `Webhook`, `Poll`, `Request`, `SpecChange`, `Start`.
    pub trigger: String,
    /// Set if it was let through outside of `spec.windows`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_override: Option<WindowOverride>,
}

/// What a commit says about itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommitRecord {
    /// The author's name.
    pub author: String,
    /// The first line of the message.
    pub subject: String,
    /// When it was authored, by its own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
}

/// How it went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseStatus {
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// When the agent began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended; after that this record no longer changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// Each stage's outcome.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageRecord>,
    /// How many objects of each kind of change.
    #[serde(default)]
    pub counts: Counts,
    /// What was changed, at most 200.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ChangeRecord>,
    /// What came of its hooks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookRecord>,
    /// The object that holds the release up, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<WaitingFor>,
    /// What went wrong with single objects, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// Its way to the users, if a strategy says how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<ReleaseRollout>,
}

/// Where a release stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Being applied, or waiting until it is healthy.
    Progressing,
    /// Applied and healthy.
    Healthy,
    /// Applied and not healthy.
    Degraded,
    /// Not applied, or not all of it.
    Failed,
    /// A newer revision came before it was healthy.
    Superseded,
}

/// One stage of the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StageRecord {
    /// Which.
    pub stage: StageName,
    /// How it ended.
    pub result: StageResult,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// What there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StageName {
    /// Commit from the Git server.
    Fetch,
    /// Objects from the kustomization.
    Render,
    /// Rules.
    Verify,
    /// Difference to the cluster.
    Plan,
    /// Changes to the cluster.
    Apply,
    /// Deletions.
    Prune,
    /// Waiting until healthy.
    Health,
}

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StageResult {
    /// Well.
    Done,
    /// Under way.
    Running,
    /// Not well.
    Failed,
    /// Waiting for somebody.
    Held,
}

/// How many objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Made.
    #[serde(default)]
    pub created: u32,
    /// Changed.
    #[serde(default)]
    pub updated: u32,
    /// Removed.
    #[serde(default)]
    pub deleted: u32,
    /// Left as they were.
    #[serde(default)]
    pub unchanged: u32,
    /// Refused or failed.
    #[serde(default)]
    pub failed: u32,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeRecord {
    /// What was done.
    pub action: Action,
    /// To what: `Deployment/shop/web`.
    pub object: String,
    /// The field managers it was taken over from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
}

/// What was done to an object.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Action {
    /// It was made.
    Created,
    /// It was changed.
    Updated,
    /// It was deleted and made anew.
    Recreated,
    /// It was removed.
    Deleted,
    /// It exists, and was taken over.
    Adopted,
}

/// What holds a release up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitingFor {
    /// `Deployment/shop/web`
    pub object: String,
    /// Its health.
    pub health: Health,
    /// Why, in the object's own words.
    pub message: String,
}
