//! Which objects a patch, replacement or value is for, as it is written.

use krm::Pos;

/// Conditions that must all hold; an empty one always does. Texts are regular expressions for `patches` and
/// `replacements` targets, plain for a replacement's source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    pub(crate) pos: Pos,
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) labels: String,
    pub(crate) annotations: String,
}
