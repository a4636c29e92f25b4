//! The fields of one object that are left to others once it is made.

use krm::{ObjectId, json};
use serde_json::Value;

use super::{RefusalReason, faults::Faults, words};
use crate::fields::{FieldPath, IgnoreRule, take_out};

/// An object, split into what is always applied and what only when it is made.
pub(super) struct Left {
    /// What is always applied.
    pub body: Value,
    /// What is applied when it is made, where that is more.
    pub first: Option<Value>,
    /// All fields that are left to others, whether git mentions them or not.
    pub paths: Vec<FieldPath>,
    /// What tells this from another wish, where anything was taken out.
    pub text: Option<String>,
}

/// Takes out of `body` what its own annotation and the rules leave to others.
pub(super) fn take(
    body: Value,
    id: &ObjectId,
    own: Vec<FieldPath>,
    rules: &[IgnoreRule],
    faults: &mut Faults,
) -> Left {
    let mut paths = own;
    let rules = rules.iter().filter(|rule| rule.selects(id));
    paths.extend(rules.flat_map(|rule| &rule.fields).cloned());
    paths.sort();
    paths.dedup();
    if paths.is_empty() {
        let (first, text) = (None, None);
        return Left {
            body,
            first,
            paths,
            text,
        };
    }
    let mut rest = body.clone();
    let mut taken = Vec::new();
    for path in &paths {
        match take_out(&mut rest, path) {
            Ok(true) => taken.push(path.to_string()),
            Ok(false) => {}
            Err(misfit) => faults.add(
                RefusalReason::BadIgnore,
                format!("cannot ignore a field: {misfit}"),
            ),
        }
    }
    let label = &rest["metadata"]["labels"][words::ENVIRONMENT_LABEL];
    if label.is_null() {
        let message = format!(
            "cannot ignore {}, by which the object is found; name single labels",
            words::ENVIRONMENT_LABEL
        );
        faults.add(RefusalReason::BadIgnore, message);
    }
    let more = !taken.is_empty();
    Left {
        // What is taken out counts, its value does not.
        text: more.then(|| format!("{}\n{}", json::go_text(&rest), taken.join("\n"))),
        first: more.then_some(body),
        body: rest,
        paths,
    }
}
