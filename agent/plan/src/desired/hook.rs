//! Jobs that run on the way of a release, and what of their wave comes before them.
//!
//! A hook finds what it reads: the ConfigMaps, Secrets and volumes its pods name are applied before it. Everything
//! else that what runs now could notice waits for it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ApplyMode, Desired, RefusalReason, faults::Faults, words};
use crate::{
    order::{AFTER_HOOKS, BEFORE_HOOKS, READ_BY_WORKLOADS},
    point::Point,
};

/// How a Job is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hook {
    /// When.
    pub point: Point,
    /// How many of its last runs are kept.
    pub keep: u32,
    /// Whether the end of its log goes into the Release.
    pub log: bool,
}

/// Kinds that wait for a hook unless it reads them. Rights and network policies are not named by who needs them.
const HELD_BACK: [&str; 5] = [
    "ConfigMap",
    "Secret",
    "PersistentVolumeClaim",
    "Service",
    "PodDisruptionBudget",
];

/// True if somebody meant it to be a hook.
pub(super) fn is_meant(body: &Value) -> bool {
    body["metadata"]["annotations"].get(words::HOOK).is_some()
}

/// Only Jobs come to an end.
pub(super) fn check(body: &Value, faults: &mut Faults) {
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let fault = match (text("apiVersion"), text("kind")) {
        ("batch/v1", "Job") if body.pointer("/spec/suspend") == Some(&Value::Bool(true)) => {
            "and spec.suspend: true, so it would never end; take one of them out"
        }
        ("batch/v1", "Job") => return,
        ("v1", "Pod") => {
            "which a Pod cannot have; make it a Job: its spec goes into spec.template.spec, and backoffLimit: 0 runs it once"
        }
        ("batch/v1", "CronJob") => {
            "which a CronJob cannot have; make it a Job: its spec.jobTemplate.spec is the Job's spec"
        }
        _ => "which only Jobs of batch/v1 can have; put the work into a Job",
    };
    faults.add(
        RefusalReason::BadHook,
        format!("has {}, {fault}", words::HOOK),
    );
}

/// Takes the hooks out of `objects`, and lets what is not for them to read come after them.
pub(super) fn split(objects: &mut Vec<Desired>) -> Vec<Desired> {
    let mut hooks: Vec<Desired> = objects
        .extract_if(.., |object| object.hook.is_some())
        .collect();
    hooks.retain(|hook| hook.apply != ApplyMode::Never);
    let before = |hook: &&Desired| hook.hook.is_some_and(|hook| hook.point == Point::Before);
    let before: Vec<&Desired> = hooks.iter().filter(before).collect();
    let waves: BTreeSet<i32> = before.iter().map(|hook| hook.wave.wave).collect();
    let read: BTreeSet<_> = before.iter().flat_map(|hook| reads(hook)).collect();
    for object in objects.iter_mut() {
        let id = &object.id;
        let place = (id.kind.as_str(), id.namespace.as_str(), id.name.as_str());
        if waves.contains(&object.wave.wave)
            && object.wave.phase == READ_BY_WORKLOADS
            && HELD_BACK.contains(&place.0)
            && !read.contains(&place)
        {
            object.wave.phase = AFTER_HOOKS;
        }
    }
    for hook in &mut hooks {
        hook.wave.phase = BEFORE_HOOKS;
    }
    hooks.sort_by(|a, b| (a.wave, &a.id).cmp(&(b.wave, &b.id)));
    hooks
}

/// Kind, namespace and name of what the pods of a Job name.
fn reads(job: &Desired) -> impl Iterator<Item = (&'static str, &str, &str)> {
    let spec = job
        .body
        .pointer("/spec/template/spec")
        .unwrap_or(&Value::Null);
    let mut named = Vec::new();
    for volume in list(spec, "volumes") {
        collect(volume, &mut named);
        for source in list(&volume["projected"], "sources") {
            collect(source, &mut named);
        }
    }
    for container in ["initContainers", "containers"]
        .iter()
        .flat_map(|key| list(spec, key))
    {
        list(container, "envFrom").for_each(|from| collect(from, &mut named));
        list(container, "env").for_each(|env| collect(&env["valueFrom"], &mut named));
    }
    for secret in list(spec, "imagePullSecrets") {
        named.extend(secret["name"].as_str().map(|name| ("Secret", name)));
    }
    let namespace = job.id.namespace.as_str();
    named
        .into_iter()
        .map(move |(kind, name)| (kind, namespace, name))
}

/// What one volume, source or variable names.
fn collect<'a>(from: &'a Value, named: &mut Vec<(&'static str, &'a str)>) {
    for (kind, pointer) in [
        ("ConfigMap", "/configMap/name"),
        ("ConfigMap", "/configMapRef/name"),
        ("ConfigMap", "/configMapKeyRef/name"),
        ("Secret", "/secret/secretName"),
        ("Secret", "/secret/name"),
        ("Secret", "/secretRef/name"),
        ("Secret", "/secretKeyRef/name"),
        ("PersistentVolumeClaim", "/persistentVolumeClaim/claimName"),
    ] {
        let name = from.pointer(pointer).and_then(Value::as_str);
        named.extend(name.map(|name| (kind, name)));
    }
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}
