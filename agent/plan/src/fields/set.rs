//! Sets of fields as the API server writes them in `fieldsV1`: united, subtracted, cut at a path.

use serde_json::{Map, Value};

use super::path::{FieldPath, Select, Step};

/// A set of fields: keys `f:`, `k:`, `v:`, `i:` and `.`, an empty map for a leaf.
pub(super) type Fields = Map<String, Value>;

/// A path cannot be followed in a set of fields, so that the field cannot change hands alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OnePiece {
    /// A place above it is owned as a whole.
    #[error(
        "{path} is part of {piece}, which the API server keeps as one piece; ignore all of {piece}, or nothing of it"
    )]
    Whole {
        /// What was written.
        path: String,
        /// The place above.
        piece: String,
    },
    /// The list tells its items apart by other keys.
    #[error("{path} selects items of {list} by {asked}; they are told apart by {keys}")]
    OtherKeys {
        /// What was written.
        path: String,
        /// Up to the list.
        list: String,
        /// The keys that were written.
        asked: String,
        /// The keys there are.
        keys: String,
    },
}

/// The union of two sets.
pub(super) fn unite(into: &mut Fields, more: &Fields) {
    for (key, value) in more {
        match (into.get_mut(key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => unite(old, new),
            (Some(_), _) => {}
            (None, value) => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Takes the leaves of `less` out of `from`, and every branch that nothing is left of.
pub(super) fn subtract(from: &mut Fields, less: &Fields) {
    for (key, value) in less {
        let gone = match (from.get_mut(key), value) {
            (Some(Value::Object(old)), Value::Object(less)) if !less.is_empty() => {
                subtract(old, less);
                is_bare(old)
            }
            (Some(_), _) => true,
            (None, _) => false,
        };
        if gone {
            from.remove(key);
        }
    }
}

/// Takes everything at and below `path` out of `from` and returns it.
pub(super) fn cut(from: &mut Fields, path: &FieldPath) -> Result<Fields, OnePiece> {
    Cut { path }.below(from, 0)
}

/// True if all of `fields` lies at or below one of `paths`.
pub fn is_left(fields: &Value, paths: &[FieldPath]) -> bool {
    let Some(fields) = fields.as_object() else {
        return false;
    };
    let mut rest = fields.clone();
    for path in paths {
        // Where a path cannot be followed, nothing is left to others by it.
        drop(cut(&mut rest, path));
    }
    rest.is_empty()
}

/// True for a branch that says nothing: nothing at all, or only that a map is there.
pub(super) fn is_bare(fields: &Fields) -> bool {
    fields.keys().all(|key| key == ".")
}

struct Cut<'a> {
    path: &'a FieldPath,
}

impl Cut<'_> {
    fn below(&self, fields: &mut Fields, at: usize) -> Result<Fields, OnePiece> {
        if at > 0 && fields.is_empty() {
            return Err(OnePiece::Whole {
                path: self.path.to_string(),
                piece: self.path.up_to(at),
            });
        }
        let last = at + 1 == self.path.steps().len();
        let mut taken = Fields::new();
        for key in self.keys(fields, at)? {
            match fields.get_mut(&key) {
                Some(Value::Object(below)) if !last => {
                    let cut = self.below(below, at + 1)?;
                    let emptied = below.is_empty() || is_bare(below) && key.starts_with("f:");
                    if !cut.is_empty() {
                        taken.insert(key.clone(), Value::Object(cut));
                        if emptied {
                            // Owning the bare map would take what others have in it along, one day.
                            fields.remove(&key);
                        }
                    }
                }
                _ => taken.extend(fields.remove_entry(&key)),
            }
        }
        Ok(taken)
    }

    /// The keys of `fields` that the step at `at` means.
    fn keys(&self, fields: &Fields, at: usize) -> Result<Vec<String>, OnePiece> {
        let keys = fields.keys().cloned();
        Ok(match &self.path.steps()[at] {
            Step::Field(name) => keys.filter(|key| *key == format!("f:{name}")).collect(),
            Step::Items(select) => {
                self.check_names(fields, select, at)?;
                keys.filter(|key| takes(select, key)).collect()
            }
        })
    }

    /// The names in a selector have to be those that the API server tells items apart by.
    fn check_names(&self, fields: &Fields, select: &Select, at: usize) -> Result<(), OnePiece> {
        let Select::Keys(asked) = select else {
            return Ok(());
        };
        let Some(Value::Object(known)) = fields.keys().find_map(|key| item(key, "k:")) else {
            return Ok(());
        };
        match asked.iter().all(|(name, _)| known.contains_key(name)) {
            true => Ok(()),
            false => Err(OnePiece::OtherKeys {
                path: self.path.to_string(),
                list: self.path.up_to(at),
                asked: joined(asked.iter().map(|(name, _)| name)),
                keys: joined(known.keys()),
            }),
        }
    }
}

fn takes(select: &Select, key: &str) -> bool {
    match select {
        Select::All => ["k:", "v:", "i:"].iter().any(|kind| key.starts_with(kind)),
        Select::Value(_) => item(key, "v:").is_some_and(|value| select.takes(&value)),
        Select::Keys(_) => item(key, "k:").is_some_and(|keys| select.takes(&keys)),
    }
}

fn item(key: &str, kind: &str) -> Option<Value> {
    serde_json::from_str(key.strip_prefix(kind)?).ok()
}

fn joined<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}
