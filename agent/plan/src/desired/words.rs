//! The label and annotations that people write in git.

/// Label on every managed object: which Environment it belongs to.
pub const ENVIRONMENT_LABEL: &str = "driftless.dev/environment";
/// The wave an object is applied in.
pub const WAVE: &str = "driftless.dev/wave";
/// `disabled` keeps an object when it leaves git.
pub const PRUNE: &str = "driftless.dev/prune";
/// `once`, `merge` or `never`: how an object is applied.
pub const APPLY: &str = "driftless.dev/apply";
/// Paths of fields that are left to others, with blanks between them.
pub const IGNORE: &str = "driftless.dev/ignore";
/// `disabled` is the older spelling of `never` for [`APPLY`].
pub const RECONCILE: &str = "driftless.dev/reconcile";
/// `allowed` lets an object be deleted and made anew.
pub const RECREATE: &str = "driftless.dev/recreate";
/// `allowed` lets an object that exists be taken over.
pub const ADOPT: &str = "driftless.dev/adopt";

/// `before`, `after` or `failed`: a Job that runs once on the way of a release.
pub const HOOK: &str = "driftless.dev/hook";
/// How many of the last runs of a hook are kept.
pub const HOOK_KEEP: &str = "driftless.dev/hook-keep";
/// `disabled` keeps the log of a hook out of the Release.
pub const HOOK_LOG: &str = "driftless.dev/hook-log";
/// The strategy that a workload follows. What it means is read elsewhere.
pub const STRATEGY: &str = "driftless.dev/strategy";
/// How an object goes with a rollout: one of `ROLLOUT_WORDS`. What they mean is read elsewhere.
pub const ROLLOUT: &str = "driftless.dev/rollout";
/// What [`ROLLOUT`] can say.
pub(super) const ROLLOUT_WORDS: [&str; 4] = ["first", "promotion", "shared", "side"];
/// Where the label stands that rollouts put on what they make.
pub(super) const VERSION_POINTER: &str = "/metadata/labels/driftless.dev~1version";
/// Its value on what stands beside the stable objects.
pub(super) const CANARY: &str = "canary";
/// Its value on what a chaos step makes.
pub(super) const CHAOS: &str = "chaos";

/// The group of our own kinds, whose annotations are not read here.
pub(super) const GROUP: &str = "driftless.dev";
/// What all our annotations begin with.
pub(super) const PREFIX: &str = "driftless.dev/";
/// Where [`WAVE`] stands in a body.
pub(super) const WAVE_POINTER: &str = "/metadata/annotations/driftless.dev~1wave";
