//! What the cluster may hold of a rollout: what was last written, or what was sent since without an answer.
//!
//! A merge patch keeps what it does not mention. One that is made for the wrong one of the two would leave a mix of both
//! behind, which nobody has ever decided; so it is made for both.

use api::v1alpha1::RolloutStatus;
use serde_json::Value;

/// Whether it is known what is stored.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// All that may be stored, in one: null where that is not the same in each.
    maybe: Option<Value>,
}

impl Stored {
    /// False while nobody knows whether what was sent last was stored.
    pub(crate) const fn is_sure(&self) -> bool {
        self.maybe.is_none()
    }

    /// The merge patch that makes `new` of what is stored; `written` is what was last known to be.
    pub(crate) fn patch(
        &self,
        written: Option<&RolloutStatus>,
        new: Option<&RolloutStatus>,
    ) -> Value {
        match &self.maybe {
            Some(maybe) => merge_patch(maybe, &value(new)),
            None => merge_patch(&value(written), &value(new)),
        }
    }

    /// Something was written and answered.
    pub(crate) fn settle(&mut self) {
        self.maybe = None;
    }

    /// `sent` was to be written, and there was no good answer.
    pub(crate) fn doubt(&mut self, written: Option<&RolloutStatus>, sent: Option<&RolloutStatus>) {
        let before = self.maybe.take().unwrap_or_else(|| value(written));
        self.maybe = Some(either(&before, &value(sent)));
    }
}

fn value(status: Option<&RolloutStatus>) -> Value {
    let status = status.map(serde_json::to_value);
    status.and_then(Result::ok).unwrap_or_default()
}

/// The merge patch (RFC 7396) that makes `new` of `old`: what is gone is said as null.
fn merge_patch(old: &Value, new: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return new.clone();
    };
    let mut patch = serde_json::Map::new();
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in new {
        match old.get(key) {
            Some(same) if same == value => {}
            Some(before) => {
                patch.insert(key.clone(), merge_patch(before, value));
            }
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(patch)
}

/// What is the same in both, and all keys that one of them has.
fn either(one: &Value, other: &Value) -> Value {
    match (one, other) {
        (one, other) if one == other => one.clone(),
        (Value::Object(one), Value::Object(other)) => {
            let keys = one.keys().chain(other.keys());
            let both = keys.map(|key| {
                let (one, other) = (one.get(key), other.get(key));
                let [one, other] = [one, other].map(|value| value.unwrap_or(&Value::Null));
                (key.clone(), either(one, other))
            });
            Value::Object(both.collect())
        }
        (keyed @ Value::Object(_), _) | (_, keyed @ Value::Object(_)) => unsure(keyed),
        _ => Value::Null,
    }
}

/// The keys of `value`, with nothing that could be taken for known.
fn unsure(value: &Value) -> Value {
    match value {
        Value::Object(keys) if !keys.is_empty() => {
            let keys = keys.iter().map(|(key, value)| (key.clone(), unsure(value)));
            Value::Object(keys.collect())
        }
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 7396, as the API server does it.
    fn patched(target: &Value, patch: &Value) -> Value {
        let Value::Object(patch) = patch else {
            return patch.clone();
        };
        let mut keys = target.as_object().cloned().unwrap_or_default();
        for (key, value) in patch {
            match value {
                Value::Null => drop(keys.remove(key)),
                value => {
                    let before = keys.get(key).cloned().unwrap_or_default();
                    keys.insert(key.clone(), patched(&before, value));
                }
            }
        }
        Value::Object(keys)
    }

    fn states() -> Vec<Value> {
        vec![
            json!({}),
            json!({ "a": 1 }),
            json!({ "a": { "b": 1, "c": {} }, "d": [1] }),
            json!({ "a": { "b": { "x": 1 } }, "d": [1, 2], "e": {} }),
            json!({ "a": {}, "rejected": [{ "id": 7 }], "e": { "f": { "g": 1 } } }),
            json!({ "a": { "b": { "y": [] }, "c": 1 }, "e": { "f": 1 } }),
        ]
    }

    #[test]
    fn a_patch_makes_the_new_one_of_whichever_is_stored() {
        let states = states();
        for before in &states {
            for sent in &states {
                for again in &states {
                    let maybe = either(&either(before, sent), again);
                    for new in &states {
                        let patch = merge_patch(&maybe, new);
                        for stored in [before, sent, again] {
                            let now = patched(stored, &patch);
                            assert_eq!(&now, new, "{stored} by {patch}, {maybe}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_known_to_be_the_same_is_not_sent() {
        let (one, other) = (
            json!({ "a": 1, "b": { "c": 2 } }),
            json!({ "a": 1, "d": 3 }),
        );
        let new = json!({ "a": 1, "d": 3 });
        let patch = merge_patch(&either(&one, &other), &new);
        assert_eq!(patch, json!({ "b": null, "d": 3 }));
    }

    #[test]
    fn an_answer_ends_the_doubt() {
        let mut stored = Stored::default();
        assert!(stored.is_sure());
        stored.doubt(None, None);
        assert!(!stored.is_sure());
        stored.settle();
        assert!(stored.is_sure());
    }
}
