//! Walks somebody's set of fields beside what git asks for.

use serde_json::{Map, Value};

use super::{
    ForeignField,
    entry::{Entry, Fields},
    items::{self, Label},
    path::{Field, Path},
};

/// What tools note for themselves: what `kubectl apply` last applied, and when `kubectl rollout restart` was
/// called, which must not be undone, for that would be another restart.
const NOTES: &[&str] = &[
    "f:kubectl.kubernetes.io/last-applied-configuration",
    "f:kubectl.kubernetes.io/restartedAt",
];
/// What is told and never taken out: it guards data, or the API server would fill in something harmful.
const LASTING: &[&[&str]] = &[
    &["f:metadata", "f:finalizers"],
    &["f:metadata", "f:ownerReferences"],
    &["f:spec", "f:replicas"],
];

/// A walk through one entry.
struct Walk<'a> {
    entry: &'a Entry<'a>,
    /// The keys from the root to where it stands.
    keys: Vec<&'a str>,
    path: Path,
    found: Vec<ForeignField>,
}

/// The fields of `entry` that `desired` does not mention.
pub(super) fn foreign<'a>(desired: &Value, entry: &'a Entry<'a>) -> Vec<ForeignField> {
    let mut walk = Walk {
        entry,
        keys: Vec::new(),
        path: Path::default(),
        found: Vec::new(),
    };
    for (key, below) in entry.fields {
        if key != "f:status" {
            walk.step(key, below, desired);
        }
    }
    walk.found
}

impl<'a> Walk<'a> {
    fn step(&mut self, key: &'a str, below: &'a Value, desired: &Value) {
        if key == "." || NOTES.contains(&key) {
            return;
        }
        let mut path = std::mem::take(&mut self.path);
        self.keys.push(key);
        if let Some(name) = key.strip_prefix("f:") {
            path.inside(&Field(name), |path| {
                // Of annotations and labels each counts for itself.
                let map = Value::Object(Map::new());
                let single = matches!(name, "annotations" | "labels").then_some(&map);
                self.visit(desired.get(name).or(single), below, path);
            });
        } else if let Some(label) = Label::written(key) {
            path.inside(&label, |path| {
                self.visit(item(desired, &label), below, path);
            });
        }
        self.keys.pop();
        self.path = path;
    }

    fn visit(&mut self, said: Option<&Value>, below: &'a Value, path: &mut Path) {
        match (said, below.as_object()) {
            (Some(said), Some(below)) => {
                self.path = std::mem::take(path);
                for (key, below) in below {
                    self.step(key, below, said);
                }
                *path = std::mem::take(&mut self.path);
            }
            (Some(_), None) => {}
            // Only that a map is there, without anything in it of theirs.
            (None, Some(below)) if says_nothing(below) => {}
            (None, _) => self.note(below, path),
        }
    }

    fn note(&mut self, below: &Value, path: &Path) {
        let branch = self.keys.iter().rev().fold(below.clone(), |below, key| {
            Value::Object(Map::from_iter([((*key).to_owned(), below)]))
        });
        self.found.push(ForeignField {
            path: path.text(),
            by: self.entry.author.clone(),
            lasting: LASTING.iter().any(|lasting| self.keys.starts_with(lasting)),
            fields: branch,
        });
    }
}

fn says_nothing(fields: &Fields) -> bool {
    !fields.is_empty() && fields.keys().all(|key| key == ".")
}

/// The item of git's list that `label` names.
fn item<'a>(list: &'a Value, label: &Label) -> Option<&'a Value> {
    let items = list.as_array()?;
    match label {
        Label::Keys(keys) => items.iter().find(|item| items::fits(item, keys)),
        Label::Value(value) => items.iter().find(|item| *item == value),
        Label::Place(place) => items.get(*place),
    }
}
