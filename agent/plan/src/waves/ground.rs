//! What objects stand on: the namespace they live in and the definition of their kind.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::desired::Desired;

/// The namespaces and definitions among the desired objects, by their place there.
#[derive(Debug, Default)]
pub(super) struct Ground {
    namespaces: BTreeMap<String, usize>,
    /// By group and kind.
    definitions: BTreeMap<(String, String), usize>,
}

impl Ground {
    pub(super) fn survey(desired: &[Desired]) -> Self {
        let mut ground = Self::default();
        for (index, object) in desired.iter().enumerate() {
            match (object.id.group.as_str(), object.id.kind.as_str()) {
                ("", "Namespace") => {
                    ground.namespaces.insert(object.id.name.clone(), index);
                }
                ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                    let kind = defined(&object.body);
                    ground.definitions.extend(kind.map(|kind| (kind, index)));
                }
                _ => {}
            }
        }
        ground
    }

    /// What `object` stands on.
    pub(super) fn under(&self, object: &Desired) -> impl Iterator<Item = usize> {
        let namespace = self.namespaces.get(&object.id.namespace);
        let custom = !self.definitions.is_empty();
        let kind = custom.then(|| (object.id.group.clone(), object.id.kind.clone()));
        let definition = kind.and_then(|kind| self.definitions.get(&kind));
        namespace.into_iter().chain(definition).copied()
    }
}

fn defined(definition: &Value) -> Option<(String, String)> {
    let text = |pointer| definition.pointer(pointer).and_then(Value::as_str);
    Some((
        text("/spec/group")?.to_owned(),
        text("/spec/names/kind")?.to_owned(),
    ))
}
