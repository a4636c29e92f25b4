//! Labels, annotations and the names of what the agent makes.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

pub use rollout::words::{
    APPROVALS as ROLLOUT_APPROVALS, COMMAND as ROLLOUT_COMMAND, ROLLOUT, STRATEGY, VERSION_LABEL,
};

/// The API group, and the prefix of every label and annotation.
pub const GROUP: &str = "driftless.dev";
/// The field manager of every server-side apply.
pub const FIELD_MANAGER: &str = "driftless";
/// The field manager that keeps fields which were set once and are left to others.
pub const KEEPER: &str = "driftless-ignored";
/// Label on every managed object: which Environment it belongs to.
pub const ENVIRONMENT_LABEL: &str = "driftless.dev/environment";
/// Annotation in git: the wave an object is applied in.
pub const WAVE: &str = "driftless.dev/wave";
/// Annotation in git: `disabled` keeps an object when it leaves git.
pub const PRUNE: &str = "driftless.dev/prune";
/// Annotation in git: `once`, `merge` or `never`: how an object is applied.
pub const APPLY: &str = "driftless.dev/apply";
/// Annotation in git: paths of fields that are left to others once the object is made.
pub const IGNORE: &str = "driftless.dev/ignore";
/// Annotation in git: `disabled` is the older spelling of `never` for [`APPLY`].
pub const RECONCILE: &str = "driftless.dev/reconcile";
/// Annotation in git: `allowed` lets an object with a changed immutable field be deleted and made anew.
pub const RECREATE: &str = "driftless.dev/recreate";
/// Annotation in git: `allowed` lets the agent take over an object that exists and is not its own.
pub const ADOPT: &str = "driftless.dev/adopt";
/// Annotation on a Job in git: `before`, `after` or `failed` makes it run once on the way of a release.
pub const HOOK: &str = "driftless.dev/hook";
/// Annotation on such a Job: how many of its last runs are kept.
pub const HOOK_KEEP: &str = "driftless.dev/hook-keep";
/// Annotation on such a Job: `disabled` keeps its log out of the Release.
pub const HOOK_LOG: &str = "driftless.dev/hook-log";
/// Annotation on an Environment: any new value asks for a pass now.
pub const REQUESTED_AT: &str = "driftless.dev/requested-at";
/// Annotation on an Environment: any new value asks for an audit of all objects.
pub const AUDIT_AT: &str = "driftless.dev/audit-at";
/// Annotation on an Environment: the digest of the plan somebody approved.
pub const APPROVED_PLAN: &str = "driftless.dev/approved-plan";
/// Annotation on an Environment: the revision that may be applied outside of `spec.windows`.
pub const OUTSIDE_WINDOW: &str = "driftless.dev/outside-window";
/// Annotation on an Environment: why; without it the one above counts for nothing.
pub const OUTSIDE_WINDOW_REASON: &str = "driftless.dev/outside-window-reason";
/// Annotation on a Release or Environment request: who asked.
pub const REQUESTED_BY: &str = "driftless.dev/requested-by";

/// Finalizer on every Environment that was applied: its objects are seen to before it goes.
pub const FINALIZER: &str = "driftless.dev/removal";
/// Label on the Lease of a replica of the agent: whom it shares the work with.
pub const REPLICA_LABEL: &str = "driftless.dev/replica";
/// Annotation on such a Lease: the Leases of those it takes the work to be shared among.
pub const VIEW: &str = "driftless.dev/view";
/// Annotation on such a Lease: what it has not put down yet.
pub const KEEPS: &str = "driftless.dev/keeps";
/// Annotation on such a Lease: the config repos a webhook told of last.
pub const POKE: &str = "driftless.dev/poke";

/// What the API server accepts as the value of a label.
const LABEL_LENGTH: usize = 63;

/// The value of [`ENVIRONMENT_LABEL`]: `<namespace>.<name>`, shortened with a hash where it is too long.
pub fn environment_label(namespace: &str, name: &str) -> String {
    shortened(&format!("{namespace}.{name}"), LABEL_LENGTH)
}

/// The value of [`REPLICA_LABEL`] for those whose Leases' names begin with `lease`.
pub fn replica_label(lease: &str) -> String {
    shortened(lease, LABEL_LENGTH)
}

/// The name of the `number`th Release: `production-000042`.
pub fn release(environment: &str, number: u64) -> String {
    format!("{}-{number:06}", shortened(environment, 240))
}

/// The name of an inventory shard, which lives in the agent's namespace.
pub fn inventory(namespace: &str, environment: &str, shard: usize) -> String {
    format!(
        "{}-{shard}",
        shortened(&format!("{namespace}.{environment}"), 240)
    )
}

/// `text`, or its beginning and 8 hex digits of its SHA-256 where it has more than `most` bytes.
fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut hash = String::with_capacity(8);
    for byte in &Sha256::digest(text.as_bytes())[..4] {
        write!(hash, "{byte:02x}").expect("writing to a String cannot fail because it grows");
    }
    let kept: String = text.chars().take(most - 9).collect();
    format!("{}-{hash}", kept.trim_end_matches(['-', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_stay_valid_and_distinct() {
        let long = "n".repeat(63);
        let (one, two) = (
            environment_label(&long, "one"),
            environment_label(&long, "two"),
        );
        assert!(one.len() <= LABEL_LENGTH && two.len() <= LABEL_LENGTH);
        assert_ne!(one, two);
    }

    #[test]
    fn releases_sort_by_number() {
        assert!(release("shop", 9) < release("shop", 10));
    }
}
