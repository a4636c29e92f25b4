//! `vars`: `$(NAME)` in known places stands for a field of some object.
//!
//! A var finds its object when its layer ends, by any name the object has had; it is replaced at the top, when
//! names are final.

mod expansion;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use krm::{Kind, Node};

use super::Context;
use crate::{
    field::{FieldSpec, Make},
    model::VarSpec,
    problem::{Outcome, Problem},
    resource::{Id, NO_NAMESPACE},
    set::ObjectSet,
};
use expansion::expand_text;
use value::Value;

/// Notes on each object the vars that take their value from it.
pub(crate) fn mark(vars: &[VarSpec], objects: &mut ObjectSet, context: &Context<'_>) -> Outcome {
    for var in vars {
        let found: Vec<_> = objects
            .iter()
            .enumerate()
            .filter(|(_, object)| !object.is_gone())
            .filter(|(_, object)| object.all_ids(&context.schema).any(|id| is_meant(var, id)))
            .map(|(at, _)| at)
            .collect();
        match found.as_slice() {
            [] => {}
            [only] => objects.get_mut(*only).vars.push(var.name.clone()),
            several => {
                let text = format!("var `{}` could mean {} objects", var.name, several.len());
                return Err(Problem::at(var.pos, text)
                    .hint("name the namespace in `objref`")
                    .into());
            }
        }
    }
    Ok(())
}

/// Adds vars to those of inner layers; no two may have the same name.
pub(crate) fn collect(into: &mut Vec<VarSpec>, vars: &[VarSpec]) -> Outcome {
    for var in vars {
        if into.iter().any(|other| other.name == var.name) {
            let text = format!("var `{}` is defined twice", var.name);
            return Err(Problem::at(var.pos, text).into());
        }
        into.push(var.clone());
    }
    Ok(())
}

/// Replaces the vars wherever `places` allow it.
pub(crate) fn expand(
    vars: &[VarSpec],
    places: &[FieldSpec],
    objects: &mut ObjectSet,
    context: &Context<'_>,
) -> Outcome {
    let mut values = BTreeMap::new();
    for var in vars {
        values.insert(var.name.as_str(), value_of(var, objects)?);
    }
    if values.is_empty() {
        return Ok(());
    }
    let mut used = BTreeSet::new();
    for object in objects.iter_mut() {
        let pos = object.node.pos;
        places.iter().try_for_each(|place| {
            let mut set = |node: &mut Node| replace(node, &values, &mut used);
            object.visit(place, Make::Nothing, pos, &mut set)
        })?;
    }
    let unused: Vec<_> = values
        .keys()
        .filter(|name| !used.contains(*name))
        .copied()
        .collect();
    if !unused.is_empty() {
        let session = context.files.session;
        session.warn(format!(
            "well-defined vars that were never replaced: {}",
            unused.join(",")
        ));
    }
    Ok(())
}

fn is_meant(var: &VarSpec, id: Id<'_>) -> bool {
    let same_object = var.object_name == id.name
        && var.gvk.group == id.group
        && var.gvk.version == id.version
        && var.gvk.kind == id.kind;
    same_object
        && (var.namespace.is_empty()
            || id.namespace == NO_NAMESPACE
            || var.namespace == id.namespace)
}

fn value_of(var: &VarSpec, objects: &ObjectSet) -> Result<Value, Problem> {
    let object = objects
        .iter()
        .find(|object| object.vars.contains(&var.name));
    let object = object.ok_or_else(|| {
        let text = format!(
            "there is no {} `{}` for var `{}` to take a value from",
            var.gvk.kind, var.object_name, var.name
        );
        Problem::at(var.pos, text)
    })?;
    Value::at(&object.node, &var.field_path).ok_or_else(|| {
        let text = format!(
            "var `{}`: {} `{}` has no usable field `{}`",
            var.name, var.gvk.kind, var.object_name, var.field_path
        );
        Problem::at(var.pos, text)
    })
}

/// Replaces vars in a string, in the strings of a map, or in a list of strings.
fn replace<'v>(
    node: &mut Node,
    values: &'v BTreeMap<&'v str, Value>,
    used: &mut BTreeSet<&'v str>,
) -> Result<(), Problem> {
    match &mut node.kind {
        Kind::Scalar(scalar) if scalar.is_text() => {
            *scalar = expand_text(&scalar.text, values, used);
        }
        Kind::Scalar(_) => {}
        Kind::Map(map) => {
            for entry in map.iter_mut() {
                if let Kind::Scalar(scalar) = &mut entry.value.kind
                    && scalar.is_text()
                {
                    *scalar = expand_text(&scalar.text, values, used);
                }
            }
        }
        Kind::Seq(items) => {
            for item in items {
                let pos = item.pos;
                match &mut item.kind {
                    Kind::Scalar(scalar) if scalar.is_text() => {
                        *scalar = expand_text(&scalar.text, values, used);
                    }
                    _ => {
                        return Err(Problem::at(
                            pos,
                            "a list in which vars are replaced must hold strings only",
                        ));
                    }
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
