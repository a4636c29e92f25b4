//! A kustomization file as typed values, each with the line it stands on.
//!
//! This says what is written, with deprecated spellings folded into their successors; what it means is the
//! business of the layers and transformers. The same specs serve transformers given as configuration objects.

pub(crate) mod generator;
pub(crate) mod kustomization;
pub(crate) mod patch;
pub(crate) mod read;
pub(crate) mod replacement;
pub(crate) mod selector;
pub(crate) mod setting;
pub(crate) mod var;

pub(crate) use generator::{GeneratorOptions, GeneratorSpec};
pub(crate) use kustomization::Kustomization;
pub(crate) use patch::{PatchOptions, PatchSpec};
pub(crate) use replacement::{
    FieldOptions, ReplacementEntry, ReplacementSpec, SourceSelector, TargetSelector,
};
pub(crate) use selector::Selector;
pub(crate) use setting::{ImageSpec, LabelSpec, LegacyOrder, Pairs, ReplicaSpec, SortOptions};
pub(crate) use var::VarSpec;

use krm::{Pos, Style};

/// A string and where and how it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) pos: Pos,
    /// Tells where the first line of a multi-line string stands.
    pub(crate) style: Style,
}

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
