//! `labels`, `commonLabels` and `commonAnnotations`: keys and values into maps.

use crate::{
    config::Specs,
    field::{FieldSpec, Make},
    model::Pairs,
    problem::{Outcome, Problem},
    resource::{HIDDEN, Resource},
    scalar,
    set::ObjectSet,
    shared,
};
use krm::{Kind, Map, Node, Pos, Tag};

const ANNOTATIONS: &str = "metadata/annotations";

/// Keys and values, and the maps that get them.
#[derive(Clone, Debug)]
pub(crate) struct PairsSpec {
    pub(crate) pairs: Pairs,
    pub(crate) fields: Specs,
}

pub(crate) fn apply(spec: &PairsSpec, set: &mut ObjectSet) -> Outcome {
    if spec.pairs.is_empty() {
        return Ok(());
    }
    let adds_to_annotations = |field: &FieldSpec| field.path == ANNOTATIONS && !field.create;
    let wants_marks = spec.fields.iter().any(adds_to_annotations);
    for resource in set.iter_mut() {
        if wants_marks && resource.is_marked() {
            // What is only added to finds a map because of kustomize's own annotations.
            let pos = resource.pos();
            resource.node.set_annotation(HIDDEN, "", pos);
            in_object(spec, resource)?;
            resource.node.remove_annotation(HIDDEN);
        } else {
            in_object(spec, resource)?;
        }
    }
    Ok(())
}

fn in_object(spec: &PairsSpec, resource: &mut Resource) -> Result<(), Problem> {
    let positions: Vec<_> = spec.pairs.values().map(|text| text.pos).collect();
    let pos = positions.first().copied().unwrap_or_default();
    let mut made = 0;
    for field in spec.fields.iter() {
        field.visit(&mut resource.node, Make::Map, pos, &mut |node| {
            made += set_all(&spec.pairs, node)?;
            Ok(())
        })?;
    }
    if made > 0 {
        resource.shared.unmark(&mut resource.node, &positions);
    }
    resource.shared.sync(&mut resource.node);
    Ok(())
}

/// Sets all pairs and tells how many keys are new. Their values carry a mark for the time being.
fn set_all(pairs: &Pairs, node: &mut Node) -> Result<usize, Problem> {
    let pos = node.pos;
    let mut made = 0;
    match &mut node.kind {
        Kind::Map(map) => {
            for (number, (key, value)) in pairs.iter().enumerate() {
                if map.contains(key) {
                    set(map, key, &value.value, value.pos);
                } else {
                    scalar::check_key(key, value.pos)?;
                    set(map, key, &value.value, shared::mark(number));
                    made += 1;
                }
            }
            Ok(made)
        }
        Kind::Scalar(scalar) if scalar.tag == Tag::Null => Ok(0),
        _ => Err(Problem::at(
            pos,
            "labels and annotations must be a map of text to text",
        )),
    }
}

fn set(map: &mut Map, key: &str, value: &str, pos: Pos) {
    map.set(key, Node::string(value, pos));
}
