//! Which fields of an object are ours, by the API server's own bookkeeping.
//!
//! A later change of such a field by anybody takes it out of our entry, so the digest of the entry tells drift without
//! any body being held. Somebody who applies under our name leaves the set equal but moves the time, so both count.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What the API server says we own of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// The first 32 hex digits of the SHA-256 over the set of fields.
    pub digest: String,
    /// When the entry last changed, as the API server wrote it. Applying without effect does not move it.
    pub time: Option<String>,
}

/// Our entry in `metadata.managedFields`; none if there is none, which is drift for an object we applied.
pub fn ownership(managed_fields: &Value) -> Option<Ownership> {
    let entry = managed_fields
        .as_array()?
        .iter()
        .find(|entry| is_ours(entry))?;
    Some(Ownership {
        digest: digest(entry.get("fieldsV1")?),
        time: entry.get("time").and_then(Value::as_str).map(str::to_owned),
    })
}

/// True for the entry that server-side apply under our name keeps.
fn is_ours(entry: &Value) -> bool {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    text("manager") == api::names::FIELD_MANAGER
        && text("operation") == "Apply"
        && text("subresource").is_empty()
}

fn digest(fields: &Value) -> String {
    let mut hasher = Sha256::new();
    hash_into(&mut hasher, fields);
    let half = hasher.finalize()[..16]
        .try_into()
        .expect("16 bytes because SHA-256 has 32");
    format!("{:032x}", u128::from_be_bytes(half))
}

/// Hashes with keys in order, so that neither the server's order nor ours shows.
fn hash_into(hasher: &mut Sha256, value: &Value) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<_> = map.iter().collect();
            keys.sort_unstable_by_key(|(key, _)| *key);
            hasher.update(b"{");
            for (key, value) in keys {
                hasher.update(key.as_bytes());
                // No key contains a zero byte, so no two sets look alike.
                hasher.update(b"\0");
                hash_into(hasher, value);
            }
            hasher.update(b"}");
        }
        // The sets hold nothing but objects; whatever else comes still counts.
        other => hasher.update(other.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
        json!({ "manager": manager, "operation": operation, "apiVersion": "apps/v1",
            "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields })
    }

    #[test]
    fn depends_on_the_fields_and_not_on_their_order() {
        let one = json!([entry(
            "driftless",
            "Apply",
            &json!({"f:a": {}, "f:b": {"k:{\"name\":\"x\"}": {}}})
        )]);
        let same: Value = serde_json::from_str(
            &one.to_string()
                .replace("\"f:a\":{},", "")
                .replace("}}}", "}},\"f:a\":{}}"),
        )
        .unwrap();
        let less = json!([entry(
            "driftless",
            "Apply",
            &json!({"f:b": {"k:{\"name\":\"x\"}": {}}})
        )]);
        assert_eq!(ownership(&one), ownership(&same));
        assert_ne!(ownership(&one), ownership(&less));
        assert_eq!(ownership(&one).unwrap().digest.len(), 32);
    }

    #[test]
    fn nesting_is_part_of_it() {
        let flat = json!([entry("driftless", "Apply", &json!({"f:a": {}, "f:b": {}}))]);
        let deep = json!([entry("driftless", "Apply", &json!({"f:a": {"f:b": {}}}))]);
        assert_ne!(ownership(&flat), ownership(&deep));
    }

    #[test]
    fn only_our_apply_counts() {
        let mut status = entry("driftless", "Apply", &json!({"f:status": {}}));
        status["subresource"] = json!("status");
        let others = json!([
            status,
            entry("driftless", "Update", &json!({})),
            entry("kubectl", "Apply", &json!({}))
        ]);
        assert_eq!(ownership(&others), None);
        assert_eq!(ownership(&json!([{}])), None);
        assert_eq!(ownership(&Value::Null), None);
        assert_eq!(ownership(&json!("strange")), None);
    }
}
