//! What the scanner hands to the parser.

use std::borrow::Cow;

use super::cursor::Mark;
use crate::Style;

/// One token and where it starts.
#[derive(Debug)]
pub(super) struct Token<'t> {
    pub what: What<'t>,
    pub mark: Mark,
}

/// The tokens of YAML.
#[derive(Debug, PartialEq)]
pub(super) enum What<'t> {
    StreamEnd,
    VersionDirective { supported: bool },
    TagDirective { handle: &'t str, prefix: String },
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(&'t str),
    Anchor(&'t str),
    Tag { handle: &'t str, suffix: String },
    Scalar { text: Cow<'t, str>, style: Style },
}
