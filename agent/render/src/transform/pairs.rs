//! `labels`, `commonLabels` and `commonAnnotations`: keys and values into maps.

use crate::{
    config::Specs,
    field::Make,
    model::Pairs,
    problem::{Outcome, Problem},
    resource::Resource,
    scalar,
    set::ObjectSet,
};
use krm::{Kind, Map, Node, Pos, Style, Tag};

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
    let first = spec.pairs.values().next();
    let pos = first.map_or_else(Pos::default, |text| text.pos);
    for field in spec.fields.iter() {
        field.visit(&mut resource.node, Make::Map, pos, &mut |node| {
            set_all(&spec.pairs, node)
        })?;
    }
    Ok(())
}

fn set_all(pairs: &Pairs, node: &mut Node) -> Result<(), Problem> {
    let pos = node.pos;
    match &mut node.kind {
        Kind::Map(map) => {
            for (key, value) in pairs {
                if !map.contains(key) {
                    scalar::check_key(key, value.pos)?;
                }
                set(map, key, &value.value, value.pos);
            }
            Ok(())
        }
        Kind::Scalar(scalar) if scalar.tag == Tag::Null => Ok(()),
        _ => Err(Problem::at(
            pos,
            "labels and annotations must be a map of text to text",
        )),
    }
}

fn set(map: &mut Map, key: &str, value: &str, pos: Pos) {
    map.set(key, Node::scalar(value, Tag::Str, Style::Plain, pos));
}
