//! What somebody has to approve, named by a digest over exactly what would be destroyed.
//!
//! The digest covers each object that would be deleted or made anew, with its UID, and nothing that happens
//! without an approval: a commit that changes something else does not make an approval stale, one more
//! deletion does. An approval is entered into the inventory, so it is given once and never covers more than
//! somebody has seen.

use std::fmt::Write as _;

use krm::{ObjectId, json};

use super::{Plan, Rules, budget};
use crate::inventory::{Fate, Inventory, key};

/// How many names a message holds.
const NAMED: usize = 3;

/// An object that has to be deleted and made anew, because a field of it cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recreation {
    /// Which.
    pub id: ObjectId,
    /// The one that would be deleted.
    pub uid: String,
    /// The digest of what would be made.
    pub digest: String,
}

/// What waits for somebody's yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// `sha256:…` over all of it.
    pub digest: String,
    /// What would be deleted.
    pub deletions: Vec<ObjectId>,
    /// What would be deleted and made anew.
    pub recreations: Vec<ObjectId>,
    /// What it is about, for people.
    pub message: String,
}

/// True if `driftless.dev/recreate: allowed` in git is not enough to make it anew. It is enough for what
/// holds no data, keeps no address and runs nothing that others need: all of that git brings back.
pub fn recreation_waits(id: &ObjectId) -> bool {
    !matches!(
        (id.group.as_str(), id.kind.as_str()),
        ("", "ConfigMap" | "Secret")
            | ("batch", "Job")
            | (
                "rbac.authorization.k8s.io",
                "RoleBinding" | "ClusterRoleBinding"
            )
            | ("scheduling.k8s.io", "PriorityClass")
            | ("storage.k8s.io", "StorageClass")
    )
}

/// What of `plan` and `recreations` waits for approval, out of `total` objects.
pub fn ask(
    rules: &Rules<'_>,
    total: usize,
    plan: &Plan,
    recreations: &[Recreation],
) -> Option<Ask> {
    let mut recreations: Vec<&Recreation> = recreations.iter().collect();
    recreations.sort();
    let deletions: Vec<ObjectId> = waiting(plan).map(|(id, _)| id.clone()).collect();
    if deletions.is_empty() && recreations.is_empty() {
        return None;
    }
    let limit = budget::limit(rules, total);
    Some(Ask {
        digest: digest(rules.environment, plan, &recreations),
        message: message(&deletions, &recreations, total, limit),
        recreations: recreations.iter().map(|anew| anew.id.clone()).collect(),
        deletions,
    })
}

/// Enters the approval of all that [`ask`] named. Store the inventory before acting on it.
pub fn grant(inventory: &mut Inventory, plan: &Plan, recreations: &[Recreation]) {
    for (id, uid) in waiting(plan) {
        inventory.decide(id, uid, Fate::Delete);
    }
    for anew in recreations {
        let fate = Fate::Recreate(anew.digest.clone());
        inventory.decide(&anew.id, Some(&anew.uid), fate);
    }
}

fn waiting(plan: &Plan) -> impl Iterator<Item = (&ObjectId, Option<&str>)> {
    let waiting = plan.prune.iter().filter(|gone| gone.waits);
    waiting.map(|gone| (&gone.id, gone.uid.as_deref()))
}

fn digest(environment: &str, plan: &Plan, recreations: &[&Recreation]) -> String {
    let mut lines: Vec<String> = waiting(plan)
        .map(|(id, uid)| format!("delete {} {}", key(id), uid.unwrap_or("?")))
        .collect();
    lines.sort();
    for Recreation { id, uid, digest } in recreations {
        lines.push(format!("recreate {} {uid} {digest}", key(id)));
    }
    let mut text = format!("driftless plan 2\n{environment}\n");
    for line in lines {
        writeln!(text, "{line}").expect("writing to a String cannot fail because it grows");
    }
    format!("sha256:{}", json::sha256_hex(text.as_bytes()))
}

fn message(
    deletions: &[ObjectId],
    recreations: &[&Recreation],
    total: usize,
    limit: usize,
) -> String {
    let mut parts = Vec::new();
    if !deletions.is_empty() {
        parts.push(format!(
            "would delete {} of {total} objects",
            deletions.len()
        ));
    }
    if deletions.len() > limit {
        parts.push(format!("more than the {limit} that need no approval"));
    }
    let precious: Vec<&ObjectId> = deletions
        .iter()
        .filter(|id| budget::is_precious(id))
        .collect();
    if !precious.is_empty() {
        parts.push(format!("among them {}", names(&precious)));
    }
    if !recreations.is_empty() {
        let ids: Vec<&ObjectId> = recreations.iter().map(|anew| &anew.id).collect();
        parts.push(format!("would delete and make anew {}", names(&ids)));
    }
    parts.join(", ")
}

/// The first few, and how many more.
fn names(ids: &[&ObjectId]) -> String {
    let mut names: Vec<String> = ids.iter().take(NAMED).map(ToString::to_string).collect();
    if ids.len() > NAMED {
        names.push(format!("{} more", ids.len() - NAMED));
    }
    names.join(", ")
}
