//! Lists whose items are told apart by keys have each key once.
//!
//! The API server refuses such a list in a server-side apply; where somebody else has brought one in, it
//! wipes our managed fields. So it is refused before anything is sent.

use std::collections::BTreeSet;

use krm::{
    Gvk,
    schema::{ListMerge, Schema, Type},
};
use serde_json::Value;

use super::{RefusalReason, faults::Faults};

/// Adds a fault for each key that is there twice.
pub(super) fn check(body: &Value, gvk: &Gvk, faults: &mut Faults) {
    if let Some(object) = Schema::BUILT_IN.object(&gvk.api_version(), &gvk.kind) {
        walk(body, object, "", faults);
    }
}

fn walk(value: &Value, kind: Type<'_>, path: &str, faults: &mut Faults) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                // Only what has a known type can hold such a list.
                if let (Some(kind), true) = (kind.field(name), holds_more(value)) {
                    let joint = if path.is_empty() { "" } else { "." };
                    walk(value, kind, &format!("{path}{joint}{name}"), faults);
                }
            }
        }
        Value::Array(items) => {
            if let ListMerge::Keyed(keys) = kind.list_merge() {
                let names: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
                check_list(items, &names, path, faults);
            }
            if let Some(kind) = kind.items() {
                for (at, item) in items.iter().enumerate() {
                    walk(item, kind, &format!("{path}[{at}]"), faults);
                }
            }
        }
        _ => {}
    }
}

fn check_list(items: &[Value], names: &[&str], path: &str, faults: &mut Faults) {
    let mut seen = BTreeSet::new();
    for item in items {
        let Some(key) = key(item, names) else {
            continue;
        };
        if !seen.insert(key.clone()) {
            let message = format!("has two items with {key} in {path}; leave one of them");
            faults.add(RefusalReason::DuplicateKey, message);
        }
    }
}

/// `containerPort=80,protocol=TCP`; `None` if a key is missing.
fn key(item: &Value, names: &[&str]) -> Option<String> {
    let part = |name: &&str| match (item.get(*name), *name) {
        (None, "protocol") => Some("protocol=TCP".to_owned()),
        (None, _) => None,
        (Some(Value::String(text)), name) => Some(format!("{name}={text}")),
        (Some(value), name) => Some(format!("{name}={value}")),
    };
    let parts: Option<Vec<_>> = names.iter().map(part).collect();
    parts.map(|parts| parts.join(","))
}

fn holds_more(value: &Value) -> bool {
    value.is_object() || value.is_array()
}
