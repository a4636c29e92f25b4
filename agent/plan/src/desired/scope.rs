//! Which kinds live in a namespace: first what the render defines itself, then what the cluster knows.

use std::collections::BTreeMap;

use krm::Gvk;
use serde_json::Value;

use super::Scopes;

/// The scopes of the kinds defined in the render, over those of the cluster.
pub(super) struct RenderedScopes<'a> {
    /// By group and kind.
    defined: BTreeMap<(String, String), bool>,
    cluster: &'a dyn Scopes,
}

impl<'a> RenderedScopes<'a> {
    pub(super) fn new<'v>(
        objects: impl Iterator<Item = &'v Value>,
        cluster: &'a dyn Scopes,
    ) -> Self {
        let defined = objects.filter_map(definition).collect();
        Self { defined, cluster }
    }

    pub(super) fn namespaced(&self, gvk: &Gvk) -> Option<bool> {
        if self.defined.is_empty() {
            return self.cluster.namespaced(gvk);
        }
        let key = (gvk.group.clone(), gvk.kind.clone());
        match self.defined.get(&key) {
            Some(namespaced) => Some(*namespaced),
            None => self.cluster.namespaced(gvk),
        }
    }
}

fn definition(object: &Value) -> Option<((String, String), bool)> {
    if object.get("kind")? != "CustomResourceDefinition" {
        return None;
    }
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
    let ours = text("/apiVersion")?.starts_with("apiextensions.k8s.io/");
    let key = (
        text("/spec/group")?.to_owned(),
        text("/spec/names/kind")?.to_owned(),
    );
    let namespaced = text("/spec/scope")? == "Namespaced";
    ours.then_some((key, namespaced))
}
