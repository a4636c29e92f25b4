//! The name of a plan: two plans of one name do the same.

use std::fmt::Write as _;

use krm::json;

use super::{Action, Plan, PlanInput};
use crate::inventory::key;

/// `sha256:…` over environment, changes and deletions. What others have changed and is only put back is left
/// out: it restores what was approved before, and would make an approval stale each time somebody edits.
pub(super) fn digest(input: &PlanInput<'_>, plan: &Plan) -> String {
    let mut text = format!("driftless plan 1\n{}\n", input.rules.environment);
    let mut line = |word: &str, key: String, what: &str| {
        writeln!(text, "{word} {key} {what}")
            .expect("writing to a String cannot fail because it grows");
    };
    for change in plan.changes() {
        let object = &input.desired[change.index];
        if let Some(word) = word(change.action) {
            line(word, key(&object.id), &object.digest);
        }
    }
    for deletion in plan.prune.iter().filter(|deletion| !deletion.deleting) {
        let uid = deletion.uid.as_deref().unwrap_or("?");
        line("delete", key(&deletion.id), uid);
    }
    format!("sha256:{}", json::sha256_hex(text.as_bytes()))
}

fn word(action: Action) -> Option<&'static str> {
    match action {
        Action::Create => Some("create"),
        Action::Update => Some("update"),
        Action::Adopt => Some("adopt"),
        Action::Repair | Action::Restore => None,
    }
}
