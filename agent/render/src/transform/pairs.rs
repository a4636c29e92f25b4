//! `labels`, `commonLabels` and `commonAnnotations`: keys and values into maps.

use crate::{
    config::Specs,
    field::Make,
    model::Pairs,
    problem::{Outcome, Problem},
    resource::Resource,
    scalar,
    set::ObjectSet,
    shared,
};
use krm::{Kind, Map, Node, Pos, Tag};

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
    for resource in set.iter_mut() {
        in_object(spec, resource)?;
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
