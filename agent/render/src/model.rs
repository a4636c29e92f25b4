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
pub(crate) use setting::{ImageSpec, LabelSpec, LegacyOrder, ReplicaSpec, SortOptions};
pub(crate) use var::VarSpec;

pub(crate) use crate::text::{Pairs, Text};
