//! ConfigMaps and Secrets: who reads them, whether they changed, and copies for those who are to see the new ones.

use krm::ObjectId;
use serde_json::{Value, json};

use super::{Given, Object, beside, find, id_of, namespace_of};
use crate::words;

/// Kinds that can be rolled out.
const WORKLOADS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// A workload whose pods a revision changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Which.
    pub id: ObjectId,
    /// Its labels in the new revision, for selectors.
    pub labels: Vec<(String, String)>,
    /// The strategy that it names in git itself.
    pub strategy: Option<String>,
}

/// A ConfigMap or Secret that changed under its name, as the new version is to see it.
#[derive(Clone)]
pub(crate) struct Copied {
    /// What it is called in git.
    pub(crate) id: ObjectId,
    /// The copy.
    pub(crate) object: Object,
    /// The workloads and hooks that read it.
    pub(crate) users: Vec<ObjectId>,
}

/// The workloads of both revisions whose pods differ: by their template, or by what a ConfigMap or Secret of the same
/// name says. A change of replicas or of the strategy of updates is none.
pub fn changed(given: &Given<'_>) -> Vec<Changed> {
    let workloads = given.new.iter().map(|(object, _)| object);
    let workloads = workloads.filter(|object| is_workload(object));
    let mut changed: Vec<_> = workloads
        .filter(|new| {
            let id = id_of(new, given.namespace);
            find(given.good, &id, given.namespace)
                .is_some_and(|(good, _)| pods_differ(given, good, new))
        })
        .map(|new| described(new, given.namespace))
        .collect();
    changed.sort_by(|a, b| a.id.cmp(&b.id));
    changed
}

/// Every workload of a revision, whatever changes.
pub fn workloads(objects: &[Object], namespace: &str) -> Vec<Changed> {
    let objects = objects.iter().map(|(object, _)| object);
    objects
        .filter(|object| is_workload(object))
        .map(|object| described(object, namespace))
        .collect()
}

fn described(workload: &Value, namespace: &str) -> Changed {
    let strategy = workload["metadata"]["annotations"][words::STRATEGY].as_str();
    Changed {
        id: id_of(workload, namespace),
        labels: labels(&workload["metadata"]["labels"]),
        strategy: strategy.map(str::to_owned),
    }
}

/// True for a kind that can be rolled out.
pub(super) fn is_workload(object: &Value) -> bool {
    object["apiVersion"] == "apps/v1" && WORKLOADS.iter().any(|kind| object["kind"] == *kind)
}

fn pods_differ(given: &Given<'_>, good: &Value, new: &Value) -> bool {
    if good["spec"]["template"] != new["spec"]["template"] {
        return true;
    }
    reads(new, given.namespace)
        .iter()
        .any(|id| config_differs(given, id))
}

/// True if both revisions have it and it says something else. Without both there is nothing to keep apart.
fn config_differs(given: &Given<'_>, id: &ObjectId) -> bool {
    let content = |objects| {
        find(objects, id, given.namespace)
            .map(|(object, _)| ["data", "binaryData", "stringData", "type"].map(|key| &object[key]))
    };
    match (content(given.good), content(given.new)) {
        (Some(good), Some(new)) => good != new,
        _ => false,
    }
}

/// Copies of everything that changed under its name and that one of the `readers` reads: workloads and hooks.
pub(super) fn copies(given: &Given<'_>, readers: &[ObjectId]) -> Vec<Copied> {
    let mut copies: Vec<Copied> = Vec::new();
    for user in readers {
        let Some((new, _)) = find(given.new, user, given.namespace) else {
            continue;
        };
        for id in reads(new, given.namespace) {
            if !config_differs(given, &id) {
                continue;
            }
            if let Some(known) = copies.iter_mut().find(|copy| copy.id == id) {
                known.users.push(user.clone());
            } else if let Some((object, origin)) = find(given.new, &id, given.namespace) {
                let mut copy = object.clone();
                copy["metadata"]["name"] = json!(beside(&id.name));
                mark(&mut copy);
                copies.push(Copied {
                    id,
                    object: (copy, origin.clone()),
                    users: vec![user.clone()],
                });
            }
        }
    }
    copies
}

/// Marks an object as one of the canary's.
pub(super) fn mark(object: &mut Value) {
    let metadata = &mut object["metadata"];
    if !metadata["labels"].is_object() {
        metadata["labels"] = json!({});
    }
    metadata["labels"][words::VERSION_LABEL] = json!(words::CANARY);
}

/// Lets the pods of `workload` read the copies.
pub(super) fn point_to_copies(workload: &mut Value, copies: &[Copied], default: &str) {
    let namespace = namespace_of(workload, default).to_owned();
    visit(
        &mut workload["spec"]["template"]["spec"],
        &mut |kind, name| {
            let copied = copies.iter().any(|copy| {
                copy.id.kind == kind
                    && copy.id.namespace == namespace
                    && *name == copy.id.name.as_str()
            });
            if copied && let Some(text) = name.as_str() {
                *name = json!(beside(text));
            }
        },
    );
}

/// The ConfigMaps and Secrets that the pods of `workload` read.
fn reads(workload: &Value, default: &str) -> Vec<ObjectId> {
    let namespace = namespace_of(workload, default).to_owned();
    let mut found = Vec::new();
    // A copy is cheaper than a second visitor that only looks.
    let mut spec = workload["spec"]["template"]["spec"].clone();
    visit(&mut spec, &mut |kind, name| {
        let id = ObjectId {
            group: String::new(),
            kind: kind.to_owned(),
            namespace: namespace.clone(),
            name: name.as_str().unwrap_or_default().to_owned(),
        };
        if !found.contains(&id) {
            found.push(id);
        }
    });
    found
}

/// Calls `see` with every name of a ConfigMap or Secret in the spec of a pod.
fn visit(spec: &mut Value, see: &mut dyn FnMut(&str, &mut Value)) {
    for volume in list(spec, "volumes") {
        each(volume, &["configMap", "name"], "ConfigMap", see);
        each(volume, &["secret", "secretName"], "Secret", see);
        if let Some(projected) = volume.get_mut("projected") {
            for source in list(projected, "sources") {
                each(source, &["configMap", "name"], "ConfigMap", see);
                each(source, &["secret", "name"], "Secret", see);
            }
        }
    }
    for kind in ["containers", "initContainers"] {
        for container in list(spec, kind) {
            for source in list(container, "envFrom") {
                each(source, &["configMapRef", "name"], "ConfigMap", see);
                each(source, &["secretRef", "name"], "Secret", see);
            }
            for variable in list(container, "env") {
                each(
                    variable,
                    &["valueFrom", "configMapKeyRef", "name"],
                    "ConfigMap",
                    see,
                );
                each(
                    variable,
                    &["valueFrom", "secretKeyRef", "name"],
                    "Secret",
                    see,
                );
            }
        }
    }
}

fn each(value: &mut Value, path: &[&str], kind: &str, see: &mut dyn FnMut(&str, &mut Value)) {
    let end = path.iter().try_fold(value, |value, key| value.get_mut(key));
    if let Some(name) = end.filter(|name| name.is_string()) {
        see(kind, name);
    }
}

fn list<'a>(value: &'a mut Value, key: &str) -> impl Iterator<Item = &'a mut Value> + use<'a> {
    let items = value.get_mut(key).and_then(Value::as_array_mut);
    items.into_iter().flatten()
}

pub(super) fn labels(map: &Value) -> Vec<(String, String)> {
    let entries = map.as_object().into_iter().flatten();
    entries
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// Prints what it is, never what it says: it may be a Secret.
impl std::fmt::Debug for Copied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Copied")
            .field("id", &self.id)
            .field("users", &self.users)
            .finish_non_exhaustive()
    }
}
