//! Lists whose items are told apart by keys have each key once.
//!
//! The API server refuses such a list in a server-side apply; where somebody else has brought one in, it
//! wipes our managed fields. So it is refused before anything is sent.

use std::{collections::BTreeSet, fmt};

use krm::{
    Gvk,
    schema::{ListMerge, Schema, Type},
};
use serde_json::Value;

use super::{RefusalReason, faults::Faults};

/// Where a walk stands. Written out only for a fault: there are thousands of objects and hardly a fault.
enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

/// Adds a fault for each key that is there twice.
pub(super) fn check(body: &Value, gvk: &Gvk, faults: &mut Faults) {
    if let Some(object) = Schema::BUILT_IN.object(&gvk.api_version(), &gvk.kind) {
        walk(body, object, &Path::Root, faults);
    }
}

fn walk(value: &Value, kind: Type<'_>, path: &Path<'_>, faults: &mut Faults) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                // Only what has a known type can hold such a list.
                if let (true, Some(kind)) = (holds_more(value), kind.field(name)) {
                    walk(value, kind, &Path::Field(path, name), faults);
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
                    walk(item, kind, &Path::Item(path, at), faults);
                }
            }
        }
        _ => {}
    }
}

fn check_list(items: &[Value], names: &[&str], path: &Path<'_>, faults: &mut Faults) {
    if items.len() < 2 {
        return;
    }
    let mut seen = BTreeSet::new();
    for item in items {
        let Some(key) = key(item, names) else {
            continue;
        };
        if seen.contains(&key) {
            let message = format!("has two items with {key} in {path}; leave one of them");
            faults.add(RefusalReason::DuplicateKey, message);
        }
        seen.insert(key);
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(above, name) => write!(f, "{above}.{name}"),
            Self::Item(above, place) => write!(f, "{above}[{place}]"),
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
