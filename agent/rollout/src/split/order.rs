//! What goes first and what waits until promotion.

use serde_json::Value;

use super::{Given, Object, Shape, find, hook::is_hook, id_of};
use crate::words;

/// Groups whose objects act on others that serve already: a new one is no mere addition.
const ACTING: [&str; 8] = [
    "admissionregistration.k8s.io",
    "apiregistration.k8s.io",
    "autoscaling",
    "cilium.io",
    "gateway.networking.k8s.io",
    "networking.k8s.io",
    "policy",
    "security.istio.io",
];
/// Kinds of the core group that do.
const ACTING_CORE: [&str; 2] = ["LimitRange", "ResourceQuota"];

/// Everything but the canary. `up`: the new revision has taken the place of the good one, and what left git still
/// stays; else the good one with what is new and only adds. Hooks are left out.
pub(super) fn base(given: &Given<'_>, up: bool) -> Shape {
    match up {
        true => taken_over(given),
        false => held_back(given),
    }
}

/// True if a new `object` can stand beside what serves without touching it.
pub fn only_adds(object: &Value) -> bool {
    match object["metadata"]["annotations"][words::ROLLOUT].as_str() {
        Some("first") => return true,
        Some("promotion") => return false,
        _ => {}
    }
    let version = object["apiVersion"].as_str().unwrap_or_default();
    let kind = object["kind"].as_str().unwrap_or_default();
    match version.split_once('/') {
        Some((group, _)) => !ACTING.contains(&group) && !group.ends_with(".istio.io"),
        None => !ACTING_CORE.contains(&kind),
    }
}

fn held_back(given: &Given<'_>) -> Shape {
    let mut shape = Shape::default();
    for good in given.good.iter().filter(|(object, _)| !is_hook(object)) {
        let id = id_of(&good.0, given.namespace);
        match find(given.new, &id, given.namespace) {
            Some(new) if new.0 != good.0 && comes_first(&new.0) => shape.objects.push(new.clone()),
            Some(new) if new.0 != good.0 => {
                shape.deferred.push(id);
                shape.objects.push(good.clone());
            }
            Some(_) => shape.objects.push(good.clone()),
            None => {
                shape.deferred.push(id);
                shape.objects.push(good.clone());
            }
        }
    }
    for (new, id) in additions(given.new, given.good, given.namespace) {
        match only_adds(&new.0) {
            true => shape.objects.push(new.clone()),
            false => shape.deferred.push(id),
        }
    }
    shape
}

pub(super) fn comes_first(object: &Value) -> bool {
    object["metadata"]["annotations"][words::ROLLOUT] == "first"
}

fn taken_over(given: &Given<'_>) -> Shape {
    let new = given.new.iter().filter(|(object, _)| !is_hook(object));
    let mut shape = Shape {
        objects: new.cloned().collect(),
        ..Shape::default()
    };
    for (old, id) in additions(given.good, given.new, given.namespace) {
        shape.deferred.push(id);
        shape.objects.push(old.clone());
    }
    shape
}

/// What `these` have and `those` lack, but for hooks.
fn additions<'a>(
    these: &'a [Object],
    those: &'a [Object],
    namespace: &'a str,
) -> impl Iterator<Item = (&'a Object, krm::ObjectId)> {
    let these = these.iter().filter(|(object, _)| !is_hook(object));
    these.filter_map(move |object| {
        let id = id_of(&object.0, namespace);
        find(those, &id, namespace)
            .is_none()
            .then_some((object, id))
    })
}
