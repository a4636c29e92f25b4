//! A text from a file, with the place it stands at: what most settings are made of.

use std::collections::BTreeMap;

use krm::{Pos, Style};

/// A string and where and how it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) pos: Pos,
    /// Tells where the first line of a multi-line string stands.
    pub(crate) style: Style,
}

/// Keys and values to set, in the order of the keys.
pub(crate) type Pairs = BTreeMap<String, Text>;

impl Text {
    /// How many lines to add to positions in a document read from this text, so that they point into the
    /// file it stands in.
    pub(crate) fn line_offset(&self) -> u32 {
        match self.style {
            Style::Literal | Style::Folded => self.pos.line,
            _ => self.pos.line.saturating_sub(1),
        }
    }
}
