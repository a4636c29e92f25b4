//! The `$patch` directive of a map or a list.

use super::MergeProblem;
use crate::{Map, Node};

/// The key that carries a directive.
pub(super) const KEY: &str = "$patch";

/// What a directive asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Directive {
    /// The target's value goes.
    Delete,
    /// The patch's value takes its place.
    Replace,
    /// The two become one, as without a directive.
    Merge,
}

impl Directive {
    fn read(value: &Node) -> Result<Self, MergeProblem> {
        match value.text().unwrap_or_default() {
            "delete" => Ok(Self::Delete),
            "replace" => Ok(Self::Replace),
            "merge" => Ok(Self::Merge),
            other => Err(MergeProblem::Directive(other.to_owned())),
        }
    }
}

/// The directive among a map's fields.
pub(super) fn of_map(fields: &Map) -> Result<Option<Directive>, MergeProblem> {
    fields.get(KEY).map(Directive::read).transpose()
}

/// The directive of a list, with its word: an item that holds nothing else. Where the first item with the key
/// holds more, the directive is that item's own.
pub(super) fn of_list(items: &[Node]) -> Result<Option<(Directive, String)>, MergeProblem> {
    let first = items
        .iter()
        .filter_map(Node::as_map)
        .find(|map| map.contains(KEY));
    let Some(value) = first
        .filter(|map| map.len() == 1)
        .and_then(|map| map.get(KEY))
    else {
        return Ok(None);
    };
    let directive = Directive::read(value)?;
    Ok(Some((
        directive,
        value.text().unwrap_or_default().to_owned(),
    )))
}

/// Takes out every item that says `word`, and the empty ones.
pub(super) fn elide(items: &mut Vec<Node>, word: &str) {
    items.retain(|item| match item.as_map() {
        Some(map) if map.is_empty() => false,
        Some(map) => map.get(KEY).and_then(Node::text) != Some(word),
        None => !item.is_null(),
    });
}
