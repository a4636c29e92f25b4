//! Walks somebody's set of fields beside what git asks for.

use serde_json::Value;

use super::{
    ForeignField,
    entry::{Entry, Fields},
    items::{self, Label},
    path::{Field, Path},
};

/// What `kubectl apply` writes for itself.
const LAST_APPLIED: &str = "f:kubectl.kubernetes.io/last-applied-configuration";

/// The fields of `entry` that `desired` does not mention.
pub(super) fn foreign(desired: &Value, entry: &Entry<'_>) -> Vec<ForeignField> {
    let mut paths = Vec::new();
    for (key, below) in entry.fields {
        if key != "f:status" {
            step(key, below, desired, &mut Path::default(), &mut paths);
        }
    }
    let by = |path| ForeignField {
        path,
        by: entry.author.clone(),
    };
    paths.into_iter().map(by).collect()
}

fn fields(fields: &Fields, desired: &Value, path: &mut Path, found: &mut Vec<String>) {
    for (key, below) in fields {
        step(key, below, desired, path, found);
    }
}

fn step(key: &str, below: &Value, desired: &Value, path: &mut Path, found: &mut Vec<String>) {
    let mut visit = |said: Option<&Value>, path: &mut Path| match (said, below.as_object()) {
        (Some(said), Some(below)) => fields(below, said, path, found),
        (Some(_), None) => {}
        (None, _) => found.push(path.text()),
    };
    if key == "." || key == LAST_APPLIED {
    } else if let Some(name) = key.strip_prefix("f:") {
        path.inside(&Field(name), |path| visit(desired.get(name), path));
    } else if let Some(label) = Label::written(key) {
        path.inside(&label, |path| visit(item(desired, &label), path));
    }
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
