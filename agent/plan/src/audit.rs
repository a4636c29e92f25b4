//! Compares an object with what a dry run of our apply would make of it, to learn what the watch has missed.
//!
//! Only places are told, never values.

use serde_json::{Map, Value};

/// What the API server writes with every change.
const SERVER: &[&str] = &["generation", "managedFields", "resourceVersion"];
/// How many places of one object are told.
const MOST: usize = 10;

/// The places in which `after` differs from `live`, in order: `spec.replicas`, `spec.ports[0].port`. Status and
/// what the API server writes with every change are left out.
pub fn differences(live: &Value, after: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let (Some(live), Some(after)) = (live.as_object(), after.as_object()) else {
        return found;
    };
    for key in keys(live, after) {
        match key.as_str() {
            "status" => {}
            "metadata" => {
                let (mut old, mut new) = (value(live, key).clone(), value(after, key).clone());
                for field in SERVER {
                    for metadata in [&mut old, &mut new] {
                        metadata.as_object_mut().map(|map| map.remove(*field));
                    }
                }
                compare(&old, &new, key, &mut found);
            }
            _ => compare(value(live, key), value(after, key), key, &mut found),
        }
    }
    found.truncate(MOST);
    found
}

fn compare(old: &Value, new: &Value, path: &str, found: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for key in keys(old, new) {
                let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
                let path = match plain {
                    true => format!("{path}.{key}"),
                    false => format!("{path}[{key:?}]"),
                };
                compare(value(old, key), value(new, key), &path, found);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                compare(old, new, &format!("{path}[{at}]"), found);
            }
        }
        _ if old != new => found.push(path.to_owned()),
        _ => {}
    }
}

fn keys<'a>(old: &'a Map<String, Value>, new: &'a Map<String, Value>) -> Vec<&'a String> {
    let mut keys: Vec<_> = old.keys().chain(new.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn value<'a>(map: &'a Map<String, Value>, key: &str) -> &'a Value {
    map.get(key).unwrap_or(&Value::Null)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tells_places_and_no_values() {
        let live = json!({
            "metadata": { "name": "a", "resourceVersion": "1", "managedFields": [1], "labels": { "x/y": "1" } },
            "data": { "password": "canary", "same": "1", "gone": "1" },
            "list": [{ "a": 1 }, { "a": 2 }], "status": { "x": 1 },
        });
        let after = json!({
            "metadata": { "name": "a", "resourceVersion": "2", "labels": { "x/y": "2" } },
            "data": { "password": "other", "same": "1" },
            "list": [{ "a": 1 }, { "a": 3 }], "status": {},
        });
        assert_eq!(
            differences(&live, &after),
            [
                "data.gone",
                "data.password",
                "list[1].a",
                "metadata.labels[\"x/y\"]"
            ]
        );
        assert!(differences(&live, &live).is_empty());
    }
}
