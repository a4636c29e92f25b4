//! The objects that are applied: half ConfigMaps, half Deployments, all changed by every commit.
//!
//! Each has its own file, as people write them. The same bodies go through the agent and through the bare loop.

use lab::Commit;
use serde_json::{Value, json};

/// The kinds of the objects, as the audit log names them.
pub(crate) const RESOURCES: [&str; 2] = ["configmaps", "deployments"];

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    /// Its name.
    pub(crate) name: String,
    /// Whether it is a Deployment; else it is a ConfigMap.
    pub(crate) is_deployment: bool,
}

/// The first `count` objects.
pub(crate) fn objects(count: usize) -> Vec<Object> {
    named("", count)
}

/// The same with names that begin with `prefix`.
pub(crate) fn named(prefix: &str, count: usize) -> Vec<Object> {
    let object = |number: usize| Object {
        name: format!("{prefix}object-{number:05}"),
        is_deployment: number % 2 == 1,
    };
    (0..count).map(object).collect()
}

impl Object {
    /// What is sent; `value` is what a commit changes.
    pub(crate) fn body(&self, value: &str) -> Value {
        let name = &self.name;
        if !self.is_deployment {
            return json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name },
                "data": { "key": value, "colour": "blue", "settings.yaml": "retries: 3\ntimeout: 20s\n" },
            });
        }
        let probe = json!({ "httpGet": { "path": "/healthz", "port": 8080 }, "periodSeconds": 10 });
        let container = json!({
            "name": "app", "image": format!("registry.example.com/app:{value}"),
            "env": [{ "name": "VALUE", "value": value }],
            "ports": [{ "containerPort": 8080 }],
            "readinessProbe": probe,
            "resources": { "requests": { "cpu": "10m", "memory": "16Mi" }, "limits": { "memory": "64Mi" } },
        });
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name },
            "spec": {
                "replicas": 2, "selector": { "matchLabels": { "app": name } },
                "template": { "metadata": { "labels": { "app": name } }, "spec": { "containers": [container] } },
            },
        })
    }
}

/// A commit on `branch` in which every object has `value`.
pub(crate) fn commit(branch: &str, objects: &[Object], value: &str) -> Commit {
    let first = Commit::on(branch, &format!("value {value}"));
    let write = |commit: Commit, (path, text): (String, String)| commit.write(&path, text);
    files(objects, value).into_iter().fold(first, write)
}

/// An overlay of objects that all have `value`. JSON is YAML.
pub(crate) fn files(objects: &[Object], value: &str) -> Vec<(String, String)> {
    let file = |object: &Object| format!("{}.yaml", object.name);
    let list: String = objects.iter().map(|o| format!("- {}\n", file(o))).collect();
    let kustomization = format!("resources:\n{list}");
    let text = |object: &Object| (file(object), format!("{:#}\n", object.body(value)));
    let all = [("kustomization.yaml".to_owned(), kustomization)].into_iter();
    all.chain(objects.iter().map(text)).collect()
}
