//! `namePrefix` and `nameSuffix`.

use krm::Node;

use super::Context;
use crate::{
    config::Specs,
    field::{FieldSpec, Make},
    model::Text,
    problem::{Outcome, Problem},
    resource::{Id, Resource},
    scalar,
    set::ObjectSet,
};

/// Which end of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// `namePrefix`
    Front,
    /// `nameSuffix`
    Back,
}

/// An affix and the fields that get it.
#[derive(Clone, Debug)]
pub(crate) struct AffixSpec {
    pub(crate) end: End,
    pub(crate) text: Text,
    pub(crate) fields: Specs,
}

pub(crate) fn apply(spec: &AffixSpec, set: &mut ObjectSet, cx: &Context<'_>) -> Outcome {
    for resource in set.iter_mut() {
        if !keeps_its_name(resource.original_id(&cx.schema)) {
            affix(spec, resource, cx)?;
        }
    }
    Ok(())
}

fn affix(spec: &AffixSpec, resource: &mut Resource, cx: &Context<'_>) -> Result<(), Problem> {
    for field in spec.fields.iter() {
        if !selects(field, resource.original_id(&cx.schema)) {
            continue;
        }
        if field.path == "metadata/name" && !spec.text.value.is_empty() {
            match spec.end {
                End::Front => resource.prefixes.push(spec.text.value.clone()),
                End::Back => resource.suffixes.push(spec.text.value.clone()),
            }
            resource.remember_id(&cx.schema);
        }
        let pos = spec.text.pos;
        resource.visit(field, Make::Scalar, pos, &mut |node| {
            set_affixed(spec, node)
        })?;
    }
    Ok(())
}

fn set_affixed(spec: &AffixSpec, node: &mut Node) -> Result<(), Problem> {
    let old = node.text().unwrap_or_default();
    let text = match spec.end {
        End::Front => format!("{}{old}", spec.text.value),
        End::Back => format!("{old}{}", spec.text.value),
    };
    let pos = node.pos;
    scalar::set_text(node, text, spec.text.pos)
        .ok_or_else(|| Problem::at(pos, "a name must be text, not a map or list"))
}

/// Others know these by name from outside, or the name is no name of the object's own.
fn keeps_its_name(id: Id<'_>) -> bool {
    match id.kind {
        "CustomResourceDefinition" | "Namespace" => true,
        "APIService" => id.group == "apiregistration.k8s.io",
        _ => false,
    }
}

fn selects(field: &FieldSpec, id: Id<'_>) -> bool {
    let matches = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
    matches(&field.kind, id.kind)
        && matches(&field.group, id.group)
        && matches(&field.version, id.version)
}
