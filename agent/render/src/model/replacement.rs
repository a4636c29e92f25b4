//! `replacements` as they are written.

use krm::Pos;

use super::{Selector, Text};

/// One entry of `replacements`: a file of entries, or one entry.
#[derive(Clone, Debug)]
pub(crate) struct ReplacementEntry {
    /// A file with one replacement or a list of them.
    pub(crate) path: Option<Text>,
    pub(crate) replacement: ReplacementSpec,
}

/// One value, copied to many places.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReplacementSpec {
    pub(crate) pos: Pos,
    pub(crate) source: Option<SourceSelector>,
    /// A value written down here instead of taken from an object.
    pub(crate) source_value: Option<Text>,
    pub(crate) targets: Vec<TargetSelector>,
}

/// Where the value comes from. The selector's texts are plain, not regular expressions.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceSelector {
    pub(crate) selector: Selector,
    pub(crate) field_path: Option<Text>,
    pub(crate) options: Option<FieldOptions>,
}

/// Where the value goes.
#[derive(Clone, Debug, Default)]
pub(crate) struct TargetSelector {
    pub(crate) pos: Pos,
    pub(crate) select: Option<Selector>,
    pub(crate) reject: Vec<Selector>,
    pub(crate) field_paths: Vec<Text>,
    pub(crate) options: Option<FieldOptions>,
}

/// Which part of a field is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldOptions {
    pub(crate) pos: Pos,
    pub(crate) delimiter: String,
    pub(crate) index: i64,
    pub(crate) encoding: String,
    pub(crate) create: bool,
}
