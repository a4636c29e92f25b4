//! How generated objects join those that are there: as new ones, or into one of the same id.

use krm::{Map, Node, schema::Schema};

use crate::{
    field_path::raw,
    generate::{base64, datum},
    problem::{Outcome, Problem},
    resource::{Behavior, Resource},
    scalar,
    set::ObjectSet,
    shared::Shared,
};

/// Adds a generated object by its behaviour.
pub(crate) fn absorb(set: &mut ObjectSet, made: Resource, schema: &Schema) -> Outcome {
    let behavior = made.behavior;
    let id = made.id(schema);
    let found = set.find_any(id, schema).to_vec();
    match (found.as_slice(), behavior) {
        ([], Behavior::Merge | Behavior::Replace) => {
            let text = format!("there is no {} to merge into or replace", id.describe());
            Err(Problem::at(made.pos(), text)
                .hint("check name and namespace, or leave `behavior` out to make a new one")
                .into())
        }
        ([], _) => set.append(made, schema),
        (&[at], Behavior::Merge | Behavior::Replace) => {
            let old = &set.as_slice()[at];
            let new = joined(old, made, behavior);
            if new.id(schema) != old.id(schema) {
                let text = format!("{} is no longer of that kind", new.id(schema).describe());
                return Err(Problem::at(new.pos(), text).into());
            }
            set.replace(at, new);
            Ok(())
        }
        ([_], _) => {
            let text = format!("{} is already there", id.describe());
            Err(Problem::at(made.pos(), text)
                .hint("say `behavior: merge` or `behavior: replace` to change it")
                .into())
        }
        _ => {
            let text = format!(
                "{} could mean any of {} objects",
                id.describe(),
                found.len()
            );
            Err(Problem::at(made.pos(), text).into())
        }
    }
}

fn joined(old: &Resource, mut new: Resource, behavior: Behavior) -> Resource {
    join_metadata(&old.node, &mut new.node);
    if behavior == Behavior::Merge {
        let is_secret = new.node.api_version() == "v1" && new.node.object_kind() == "Secret";
        let data = match is_secret {
            true => folded_secret(&old.node),
            false => old.node.get("data").and_then(Node::as_map).cloned(),
        };
        join_map(data.map(without_nulls).as_ref(), &mut new.node, "data");
        let binary = old.node.get("binaryData").and_then(Node::as_map);
        let binary = binary.cloned().map(without_nulls);
        join_map(binary.as_ref(), &mut new.node, "binaryData");
        if old.trace.origin.is_some() {
            new.trace.origin.clone_from(&old.trace.origin);
        }
    }
    if new.trace.transformations.is_empty() {
        let done = &old.trace.transformations;
        new.trace.transformations.clone_from(done);
    }
    Resource {
        former: old.former.clone(),
        prefixes: old.prefixes.clone(),
        suffixes: old.suffixes.clone(),
        behavior: old.behavior,
        hash: new.hash.filter(|_| old.hash.is_some()),
        vars: old.vars.clone(),
        shared: Shared::default(),
        ..new
    }
}

/// Labels and annotations of both, the new ones winning; name and namespace of the old one.
fn join_metadata(old: &Node, new: &mut Node) {
    let pos = new.pos;
    for field in ["labels", "annotations"] {
        let more = old.at(&["metadata", field]).and_then(Node::as_map);
        if let Some(metadata) = new.get_mut("metadata") {
            join_map(more, metadata, field);
        }
    }
    let Some(metadata) = new.map_entry("metadata", pos) else {
        return;
    };
    for field in ["name", "namespace"] {
        match old.at(&["metadata", field]) {
            Some(value) => scalar::set_field(metadata, field, raw(value), value.pos),
            None => drop(metadata.remove(field)),
        }
    }
}

/// Entries of both maps as texts, the new ones winning; no empty map stays.
fn join_map(old: Option<&Map>, node: &mut Node, field: &str) {
    let pos = node.pos;
    let mut joined = Map::new();
    let new = node.get(field).and_then(Node::as_map).cloned();
    for entry in old.into_iter().flatten().chain(new.iter().flatten()) {
        let text = entry.value.text().unwrap_or_default();
        let value = match field {
            "data" | "binaryData" => datum(text, entry.value.pos),
            _ => Node::string(text, entry.value.pos),
        };
        joined.set(entry.key.as_str(), value);
    }
    let Some(map) = node.as_map_mut() else { return };
    match joined.is_empty() {
        true => drop(map.remove(field)),
        false => map.set(field, Node::map(joined, pos)),
    }
}

/// Data in which a null is the empty text.
fn without_nulls(mut data: Map) -> Map {
    for entry in data.iter_mut().filter(|entry| entry.value.is_null()) {
        entry.value = Node::string("", entry.value.pos);
    }
    data
}

/// `data` with `stringData` folded in, as the API server does it.
fn folded_secret(old: &Node) -> Option<Map> {
    let mut data = old.get("data").and_then(Node::as_map).cloned();
    let more = old.get("stringData").and_then(Node::as_map);
    for entry in more.into_iter().flatten() {
        let text = entry.value.text().filter(|_| !entry.value.is_null());
        let encoded = base64(text.unwrap_or_default().as_bytes());
        let value = Node::string(encoded, entry.value.pos);
        data.get_or_insert_default().set(entry.key.as_str(), value);
    }
    data
}
