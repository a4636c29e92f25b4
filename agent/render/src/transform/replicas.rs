//! `replicas`: the count of a workload by name.

use krm::{Node, Tag};

use super::Context;
use crate::{
    config::Specs,
    field::Make,
    model::ReplicaSpec,
    problem::{Outcome, Problem},
    scalar,
    set::ObjectSet,
};

/// A count and the fields that hold counts.
#[derive(Clone, Debug)]
pub(crate) struct ReplicasSpec {
    pub(crate) replica: ReplicaSpec,
    pub(crate) fields: Specs,
}

pub(crate) fn apply(spec: &ReplicasSpec, set: &mut ObjectSet, cx: &Context<'_>) -> Outcome {
    let mut found = false;
    for resource in set.iter_mut().filter(|resource| !resource.is_gone()) {
        for field in spec.fields.iter() {
            let selects = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
            let is_meant = resource.all_ids(&cx.schema).any(|id| {
                id.name == spec.replica.name
                    && selects(&field.kind, id.kind)
                    && selects(&field.group, id.group)
                    && selects(&field.version, id.version)
            });
            if is_meant {
                found = true;
                let pos = spec.replica.count_pos;
                resource.visit(field, Make::Scalar, pos, &mut |node| {
                    set_count(&spec.replica, node)
                })?;
            }
        }
    }
    match found {
        true => Ok(()),
        false => Err(missing(spec).into()),
    }
}

fn set_count(replica: &ReplicaSpec, node: &mut Node) -> Result<(), Problem> {
    let (text, pos) = (replica.count.to_string(), node.pos);
    scalar::set_tagged(node, &text, Tag::Int, replica.count_pos)
        .ok_or_else(|| Problem::at(pos, "a replica count must be a number, not a map or list"))
}

fn missing(spec: &ReplicasSpec) -> Problem {
    let kinds: Vec<&str> = spec.fields.iter().map(|field| &*field.kind).collect();
    let text = format!("no workload is named `{}`", spec.replica.name);
    Problem::at(spec.replica.pos, text).hint(format!(
        "replicas are set by the name an object has in its own file, on kinds {}",
        kinds.join(", ")
    ))
}
