//! Labels and annotations that rollouts read and write.

/// Label on pods and workloads beside the stable ones: `canary`.
pub const VERSION_LABEL: &str = "driftless.dev/version";
/// Its value.
pub const CANARY: &str = "canary";
/// Its value on what a chaos step makes.
pub const CHAOS: &str = "chaos";
/// Label on a workload that is changed in place: the revision that its pods are on their way to, as [`mark_of`] says it.
pub const TOWARD_LABEL: &str = "driftless.dev/rollout-toward";
/// Annotation in git, on a workload: the strategy it follows; `none` for all at once.
pub const STRATEGY: &str = "driftless.dev/strategy";
/// Annotation in git, on any object: `first` applies a change when a rollout begins, `promotion` when it is promoted.
/// Where two namespaces take turns, `shared` keeps an object in the environment's own, and `side` says that each side
/// may have data of its own.
pub const ROLLOUT: &str = "driftless.dev/rollout";
/// In [`ROLLOUT`]: there is one of it for both sides.
pub const SHARED: &str = "shared";
/// In [`ROLLOUT`]: each side has its own.
pub const SIDE: &str = "side";
/// Annotation on an Environment: the newest command, as JSON of [`crate::observe::Command`].
pub const COMMAND: &str = "driftless.dev/rollout-command";
/// Annotation on an Environment: approvals, as a JSON list of [`crate::observe::Approval`].
pub const APPROVALS: &str = "driftless.dev/rollout-approvals";
/// What a revision is called in [`TOWARD_LABEL`].
pub fn mark_of(digest: &str) -> &str {
    digest.get(..40).unwrap_or(digest)
}

/// What the name of a workload, Service or config beside the stable one ends in.
pub const SUFFIX: &str = "-canary";
