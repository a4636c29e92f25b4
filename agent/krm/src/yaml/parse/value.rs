//! A value while its document is being read.

use crate::Node;

/// A value, and what only matters as long as it may be a key or something to merge.
#[derive(Clone)]
pub(super) struct Value {
    pub node: Node,
    pub key: Key,
    /// It came from an alias.
    pub aliased: bool,
}

/// What a value would be as a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    String,
    /// `<<`
    Merge,
    /// A number, a boolean, null, a date, a value with a tag of its own, a map or a list.
    Other,
}

impl Value {
    pub(super) fn new(node: Node, key: Key) -> Self {
        Self {
            node,
            key,
            aliased: false,
        }
    }
}
