//! Why something is as it is: one closed set of words for conditions, events, metrics and JSON.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A reason. The same word stands in conditions, events, metric labels and reports.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Reason {
    /// Everything git asks for is there and healthy.
    InSync,
    /// A pass is under way.
    Progressing,
    /// Applied; waiting until it is healthy.
    WaitingForHealth,
    /// An object is not healthy and will not become so by waiting.
    Degraded,
    /// Not healthy within `spec.timeout`.
    HealthTimeout,
    /// Switched off by `spec.suspend`.
    Suspended,
    /// The spec cannot be used as it is.
    InvalidSpec,
    /// A Secret the spec names is missing or lacks a key.
    CredentialsMissing,
    /// The Git server, or the target cluster, refused the credentials.
    AuthenticationFailed,
    /// The Git server could not be asked.
    FetchFailed,
    /// The branch does not exist on the server.
    BranchNotFound,
    /// The branch no longer descends from the applied revision.
    HistoryRewritten,
    /// The kustomization could not be rendered.
    RenderFailed,
    /// The render is empty; nothing is deleted for that.
    EmptyRender,
    /// Some objects cannot be applied as they stand in git.
    InvalidObjects,
    /// An object exists and belongs to somebody else.
    NotOwned,
    /// The plan deletes more than its budget and waits for approval.
    ApprovalNeeded,
    /// The API server refused or failed some changes.
    ApplyFailed,
    /// Some deletions were refused or are stuck.
    PruneFailed,
    /// The API server cannot be reached.
    ClusterUnreachable,
    /// The agent lacks rights it needs.
    Forbidden,
    /// Waiting for another Environment to be ready.
    DependencyNotReady,
    /// Environments depend on each other in a circle.
    DependencyCycle,
    /// A hook of the release has not ended yet.
    HookRunning,
    /// A hook of the release has failed; nothing that comes after it is applied.
    HookFailed,
    /// A new revision waits until `spec.windows` let it through.
    OutsideWindow,
    /// A revision was let through outside of `spec.windows`.
    WindowOverridden,
    /// The cluster differs from git.
    Drifted,
    /// A difference was put right.
    DriftRepaired,
    /// A newer revision took its place.
    Superseded,
    /// A new revision is on its way to its users, step by step.
    RollingOut,
    /// A rollout waits for somebody.
    RolloutWaiting,
    /// A number was beyond its limit; the last good revision serves.
    AnalysisFailed,
    /// A number was missing for too long; the last good revision serves.
    AnalysisMissing,
    /// Pods of the new version did not become ready in time; the last good revision serves.
    CanaryNotReady,
    /// Pods of the new version crash; the last good revision serves.
    CanaryCrashing,
    /// A synthetic check failed; the last good revision serves.
    SyntheticAlarm,
    /// Somebody ended a rollout; the last good revision serves.
    RolloutAborted,
    /// Git went back to what serves while a rollout was under way.
    RolloutReverted,
    /// A revision has passed all steps and serves everybody.
    Promoted,
    /// A strategy is missing, wrong or cannot be used for what it is to roll out.
    InvalidStrategy,
    /// What was stored of a rollout cannot be read; nothing moves.
    RolloutStateUnreadable,
    /// An HTTP check has begun to fail, or cannot be asked.
    CheckFailed,
    /// An HTTP check passes.
    CheckPassed,
    /// It is being deleted, and its objects are seen to first.
    Removing,
}

impl Reason {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InSync => "InSync",
            Self::Progressing => "Progressing",
            Self::WaitingForHealth => "WaitingForHealth",
            Self::Degraded => "Degraded",
            Self::HealthTimeout => "HealthTimeout",
            Self::Suspended => "Suspended",
            Self::InvalidSpec => "InvalidSpec",
            Self::CredentialsMissing => "CredentialsMissing",
            Self::AuthenticationFailed => "AuthenticationFailed",
            Self::FetchFailed => "FetchFailed",
            Self::BranchNotFound => "BranchNotFound",
            Self::HistoryRewritten => "HistoryRewritten",
            Self::RenderFailed => "RenderFailed",
            Self::EmptyRender => "EmptyRender",
            Self::InvalidObjects => "InvalidObjects",
            Self::NotOwned => "NotOwned",
            Self::ApprovalNeeded => "ApprovalNeeded",
            Self::ApplyFailed => "ApplyFailed",
            Self::PruneFailed => "PruneFailed",
            Self::ClusterUnreachable => "ClusterUnreachable",
            Self::Forbidden => "Forbidden",
            Self::DependencyNotReady => "DependencyNotReady",
            Self::DependencyCycle => "DependencyCycle",
            Self::HookRunning => "HookRunning",
            Self::HookFailed => "HookFailed",
            Self::OutsideWindow => "OutsideWindow",
            Self::WindowOverridden => "WindowOverridden",
            Self::Drifted => "Drifted",
            Self::DriftRepaired => "DriftRepaired",
            Self::Superseded => "Superseded",
            Self::RollingOut => "RollingOut",
            Self::RolloutWaiting => "RolloutWaiting",
            Self::AnalysisFailed => "AnalysisFailed",
            Self::AnalysisMissing => "AnalysisMissing",
            Self::CanaryNotReady => "CanaryNotReady",
            Self::CanaryCrashing => "CanaryCrashing",
            Self::SyntheticAlarm => "SyntheticAlarm",
            Self::RolloutAborted => "RolloutAborted",
            Self::RolloutReverted => "RolloutReverted",
            Self::Promoted => "Promoted",
            Self::InvalidStrategy => "InvalidStrategy",
            Self::RolloutStateUnreadable => "RolloutStateUnreadable",
            Self::CheckFailed => "CheckFailed",
            Self::CheckPassed => "CheckPassed",
            Self::Removing => "Removing",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
