//! Objects as people compare them: without what the server writes, and without secrets.

use serde_json::{Map, Value};

/// What stands for the value of a Secret.
const MASK: &str = "***";
/// What the server writes into the metadata.
const SERVER_FIELDS: [&str; 8] = [
    "managedFields",
    "resourceVersion",
    "generation",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
];
/// What `kubectl apply` writes; it holds the whole object, secrets and all.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// `object` without what the server writes. `labelled` keeps the label of the Environment.
pub(super) fn normal(mut object: Value, labelled: bool) -> Value {
    let Some(root) = object.as_object_mut() else {
        return object;
    };
    root.remove("status");
    if let Some(metadata) = root.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in SERVER_FIELDS {
            metadata.remove(field);
        }
        drop_key(metadata, "annotations", LAST_APPLIED);
        if !labelled {
            drop_key(metadata, "labels", api::names::ENVIRONMENT_LABEL);
        }
    }
    object
}

/// Masks the values of Secrets on both sides. Equal values have equal masks, others tell which side they are on.
pub(super) fn mask(before: &mut Value, after: &mut Value) {
    if ![&*before, &*after]
        .iter()
        .any(|object| object["kind"] == "Secret")
    {
        return;
    }
    for field in ["data", "stringData"] {
        let old = before.get(field).cloned().unwrap_or_default();
        let new = after.get(field).cloned().unwrap_or_default();
        hide(before, field, &new, "before");
        hide(after, field, &old, "after");
    }
}

/// The object as text; nothing for no object.
pub(super) fn text(object: &Value) -> Result<String, serde_yaml::Error> {
    match object.is_null() {
        true => Ok(String::new()),
        false => serde_yaml::to_string(object),
    }
}

fn hide(object: &mut Value, field: &str, other: &Value, side: &str) {
    let Some(values) = object.get_mut(field) else {
        return;
    };
    let Some(map) = values.as_object_mut() else {
        // Not what it should be, and not to be printed all the same.
        *values = Value::String(MASK.to_owned());
        return;
    };
    for (key, value) in map {
        let changed = other.get(key).is_some_and(|other| other != value);
        *value = Value::String(match changed {
            true => format!("{MASK} ({side})"),
            false => MASK.to_owned(),
        });
    }
}

fn drop_key(metadata: &mut Map<String, Value>, of: &str, key: &str) {
    let emptied = metadata
        .get_mut(of)
        .and_then(Value::as_object_mut)
        .is_some_and(|map| {
            map.remove(key);
            map.is_empty()
        });
    if emptied {
        metadata.remove(of);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_masked_and_their_changes_show() {
        let secret = |data: Value| json!({ "kind": "Secret", "data": data });
        let mut before = secret(json!({ "same": "YQ==", "changed": "Yg==", "gone": "Yw==" }));
        let mut after = secret(json!({ "same": "YQ==", "changed": "ZA==", "new": "ZQ==" }));
        mask(&mut before, &mut after);
        assert_eq!(
            before["data"],
            json!({ "same": "***", "changed": "*** (before)", "gone": "***" })
        );
        assert_eq!(
            after["data"],
            json!({ "same": "***", "changed": "*** (after)", "new": "***" })
        );
    }

    #[test]
    fn damaged_secrets_are_masked_whole() {
        let (mut before, mut after) = (Value::Null, json!({ "kind": "Secret", "data": "hunter2" }));
        mask(&mut before, &mut after);
        assert!(!after.to_string().contains("hunter2"));
    }

    #[test]
    fn what_the_server_writes_is_left_out() {
        let live = json!({
            "kind": "ConfigMap",
            "metadata": { "name": "a", "uid": "1", "resourceVersion": "2", "managedFields": [],
                "annotations": { LAST_APPLIED: "{}" }, "labels": { "driftless.dev/environment": "a.b" } },
            "status": {},
        });
        assert_eq!(
            normal(live, false),
            json!({ "kind": "ConfigMap", "metadata": { "name": "a" } })
        );
    }
}
