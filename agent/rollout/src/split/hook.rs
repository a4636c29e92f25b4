//! Hooks among the objects of a revision: Jobs that people annotated, which go with their revision and no other.
//!
//! What comes before a revision reads what that revision brings: where a ConfigMap or Secret changed under its name, the
//! copy that the new version reads as well.

use krm::ObjectId;
use plan::{desired::words, point::Point};
use serde_json::Value;

use super::{Given, Object, config, id_of};

/// True for an object that is meant as a hook.
pub fn is_hook(object: &Value) -> bool {
    !object["metadata"]["annotations"][words::HOOK].is_null()
}

/// True for a hook that can run and does so at `point`, unless it is switched off.
pub fn is_at(object: &Value, point: Point) -> bool {
    let annotations = &object["metadata"]["annotations"];
    let job = object["apiVersion"] == "batch/v1" && object["kind"] == "Job";
    job && annotations[words::HOOK] == point.as_str()
        && annotations[words::RECONCILE] != "disabled"
        && annotations[words::APPLY] != "never"
}

/// The names of the hooks that run at `point`, one for each of them.
pub fn names(objects: &[Object], point: Point) -> Vec<String> {
    let hooks = objects.iter().filter(|(object, _)| is_at(object, point));
    let names = hooks.filter_map(|(object, _)| object["metadata"]["name"].as_str());
    names.map(str::to_owned).collect()
}

/// Hooks that run before the new revision.
pub(super) fn before(given: &Given<'_>) -> Vec<ObjectId> {
    let hooks = given.new.iter().map(|(object, _)| object);
    let before = hooks.filter(|object| is_at(object, Point::Before));
    before
        .map(|object| id_of(object, given.namespace))
        .collect()
}

/// The hooks of the new revision, each reading what it is to read.
pub(super) fn of_new(given: &Given<'_>, copies: &[config::Copied]) -> Vec<Object> {
    let hooks = given.new.iter().filter(|(object, _)| is_hook(object));
    let mut hooks: Vec<Object> = hooks.cloned().collect();
    for (hook, _) in &mut hooks {
        if is_at(hook, Point::Before) {
            config::point_to_copies(hook, copies, given.namespace);
        }
    }
    hooks
}
