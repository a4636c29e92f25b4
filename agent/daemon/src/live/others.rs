//! What others own of an object, as far as anybody may want to hear of it.
//!
//! Most objects are touched by nobody but us and the controllers of Kubernetes, and for them nothing is kept.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use api::names;
use plan::fields::is_controller;
use serde_json::Value;

/// The entries of others in an object's managed fields. Two are equal if they name the same fields: that a
/// value moved is nobody's news.
#[derive(Clone, Debug)]
pub(crate) struct Others {
    entries: Arc<Value>,
    set: u64,
}

impl Others {
    /// Reads them; `None` if there are none.
    pub(super) fn of(managed_fields: &Value) -> Option<Self> {
        let entries = managed_fields.as_array()?.iter();
        let others: Vec<Value> = entries.filter(|entry| is_others(entry)).cloned().collect();
        (!others.is_empty()).then(|| Self {
            set: set(&others, &|_| true),
            entries: Arc::new(Value::Array(others)),
        })
    }

    /// The entries.
    pub(crate) fn entries(&self) -> &Value {
        &self.entries
    }

    /// Tells apart which fields the managers own whom `counts` knows; 0 without any.
    pub(crate) fn set_of(&self, counts: &dyn Fn(&str) -> bool) -> u64 {
        set(self.entries.as_array().map_or(&[], Vec::as_slice), counts)
    }
}

impl PartialEq for Others {
    fn eq(&self, other: &Self) -> bool {
        self.set == other.set
    }
}

fn is_others(entry: &Value) -> bool {
    let manager = text(entry, "manager");
    !matches!(manager, names::FIELD_MANAGER | names::KEEPER)
        && !is_controller(manager)
        && text(entry, "subresource").is_empty()
}

fn set(entries: &[Value], counts: &dyn Fn(&str) -> bool) -> u64 {
    let mut counted = entries
        .iter()
        .filter(|entry| counts(text(entry, "manager")))
        .peekable();
    if counted.peek().is_none() {
        return 0;
    }
    let mut hasher = DefaultHasher::new();
    for entry in counted {
        text(entry, "manager").hash(&mut hasher);
        entry["fieldsV1"].to_string().hash(&mut hasher);
    }
    hasher.finish()
}

fn text<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(manager: &str, time: &str, fields: &Value) -> Value {
        json!({ "manager": manager, "operation": "Update", "time": time, "fieldsV1": fields })
    }

    #[test]
    fn nothing_is_kept_where_only_we_and_kubernetes_wrote() {
        let fields = json!([
            entry("driftless", "1", &json!({"f:a": {}})),
            entry("driftless-ignored", "1", &json!({"f:b": {}})),
            entry("kube-controller-manager", "1", &json!({"f:c": {}})),
            { "manager": "kubectl", "subresource": "status", "fieldsV1": {"f:status": {}} },
        ]);
        assert_eq!(Others::of(&fields), None);
        assert_eq!(Others::of(&Value::Null), None);
    }

    #[test]
    fn a_value_that_moved_is_no_news_and_a_new_field_is() {
        let of = |time: &str, fields: Value| {
            Others::of(&json!([entry("kubectl-edit", time, &fields)])).unwrap()
        };
        assert_eq!(of("1", json!({"f:a": {}})), of("2", json!({"f:a": {}})));
        assert_ne!(of("1", json!({"f:a": {}})), of("1", json!({"f:b": {}})));
        assert_eq!(of("1", json!({"f:a": {}})).set_of(&|_| false), 0);
    }
}
