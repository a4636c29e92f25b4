//! What a layer does to its objects: one file per transformer, each a spec and `apply`.
//!
//! Every transformer is a function of its spec, the objects and a [`Context`]; it puts the position of the line
//! that asked for a change on the value it sets.

pub(crate) mod hash;
pub(crate) mod images;
pub(crate) mod namespace;
pub(crate) mod pairs;
pub(crate) mod patch;
pub(crate) mod patch_json;
pub(crate) mod patch_strategic;
pub(crate) mod prefix;
pub(crate) mod replacement;
pub(crate) mod replicas;
pub(crate) mod value_add;
pub(crate) mod var;

use std::rc::Rc;

use krm::schema::Schema;

use crate::{
    model::{PatchSpec, ReplacementEntry, Text},
    problem::Outcome,
    session::Files,
    set::ObjectSet,
};

/// What a transformer may know besides its spec.
pub(crate) struct Context<'s> {
    /// Files as seen from the kustomization that holds the spec.
    pub(crate) files: Files<'s>,
    pub(crate) schema: Rc<Schema>,
}

/// One change of all objects.
#[derive(Clone, Debug)]
pub(crate) enum Transformer {
    /// A configuration that asks for no change.
    Nothing,
    /// `patchesStrategicMerge`
    PatchStrategic(Vec<Text>),
    /// `patches`
    Patch(PatchSpec),
    /// `patchesJson6902`
    PatchJson(PatchSpec),
    /// `namespace`
    Namespace(namespace::NamespaceSpec),
    /// `namePrefix`, `nameSuffix`
    Affix(prefix::AffixSpec),
    /// `labels`, `commonLabels`, `commonAnnotations`
    Pairs(pairs::PairsSpec),
    /// `replicas`
    Replicas(replicas::ReplicasSpec),
    /// `images`
    Images(images::ImagesSpec),
    /// `replacements`
    Replacements(Vec<ReplacementEntry>),
    /// `ValueAddTransformer`
    ValueAdd(value_add::ValueAddSpec),
    /// `HashTransformer`
    Hash,
}

impl Transformer {
    /// Carries out the change.
    pub(crate) fn apply(&self, set: &mut ObjectSet, cx: &Context<'_>) -> Outcome {
        match self {
            Self::Nothing => Ok(()),
            Self::PatchStrategic(entries) => patch_strategic::apply(entries, set, cx),
            Self::Patch(spec) => patch::apply(spec, set, cx),
            Self::PatchJson(spec) => patch_json::apply(spec, set, cx),
            Self::Namespace(spec) => namespace::apply(spec, set, cx),
            Self::Affix(spec) => prefix::apply(spec, set, cx),
            Self::Pairs(spec) => pairs::apply(spec, set),
            Self::Replicas(spec) => replicas::apply(spec, set, cx),
            Self::Images(spec) => images::apply(spec, set),
            Self::Replacements(entries) => replacement::apply(entries, set, cx),
            Self::ValueAdd(spec) => value_add::apply(spec, set, cx),
            Self::Hash => hash::apply(set, cx),
        }
    }
}
