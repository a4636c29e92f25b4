//! Version `v1alpha1` of the custom resources.

pub mod check;
mod command;
pub mod environment;
mod fields;
pub mod hook;
pub mod inventory;
pub mod release;
pub mod removal;
pub mod rollout;
pub mod strategy;
pub mod window;

pub use check::{CheckState, CheckStatus, CheckTurn, HttpCheck};
pub use command::CommandAnswer;
pub use environment::{
    Adopt, DependencyRef, DriftAction, DriftEntry, DriftMode, DriftStatus, Environment,
    EnvironmentSpec, EnvironmentStatus, Failure, Health, PendingPlan, PruneBudget, RevisionStatus,
    SecretRef, SourceSpec, TargetSpec,
};
pub use fields::{AuditEntry, AuditStatus, ForeignEntry, ForeignFields, ForeignStatus, IgnoreRule};
pub use hook::{HookEntry, HookPoint, HookRecord, HookResult, SampleSpan};
pub use inventory::{Inventory, InventoryEntry, InventorySpec, OwnerRef};
pub use release::{
    Action, ChangeRecord, CommitRecord, Counts, Phase, Release, ReleaseSpec, ReleaseStatus,
    StageName, StageRecord, StageResult, WaitingFor,
};
pub use removal::{Leaving, OnDelete};
pub use rollout::{
    HeldRevision, MetricState, PodCount, ReleaseRollout, RolloutPhase, RolloutStatus, StrategyRule,
    WorkloadKind, WorkloadSelector, WorkloadShare,
};
pub use strategy::{Strategy, StrategySpec};
pub use window::{
    PlannedAction, PlannedChange, WaitingRevision, Window, WindowKind, WindowOverride,
};
