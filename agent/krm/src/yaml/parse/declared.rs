//! A schema in a comment.

use std::sync::Arc;

use crate::{Node, Pos, yaml::from_json::from_value};

/// The schema that `text` is, if it is JSON and says anything.
pub(super) fn read(text: &str) -> Option<Arc<Node>> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let says_something = value.as_object().is_some_and(|map| !map.is_empty());
    says_something.then(|| Arc::new(from_value(&value, Pos::default())))
}
