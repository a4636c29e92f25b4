//! What the agent keeps of an object: its metadata, as far as anybody judges by it.

use krm::ObjectId;
use serde_json::{Map, Value};

use crate::{Ownership, Resource, ownership, tools};

/// What is known of an object without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Which object.
    pub id: ObjectId,
    /// The version it was read in: `v1`.
    pub version: String,
    /// Its UID.
    pub uid: String,
    /// Counts changes of the spec, for kinds that have one.
    pub generation: Option<i64>,
    /// Moves with every change. Empty after a dry run that would create.
    pub resource_version: String,
    /// The value of the label that says which Environment it belongs to.
    pub environment: Option<String>,
    /// Since when it is being deleted.
    pub deleting: Option<String>,
    /// Who must agree before it is gone.
    pub finalizers: Vec<String>,
    /// Which of its fields are ours; none if we never applied it, or somebody wiped the record.
    pub owner: Option<Ownership>,
    /// When it was made.
    pub created: Option<String>,
    /// Another tool that says the object is its own: `Flux`, `Argo CD`, `Helm`, …
    pub other_tool: Option<String>,
}

impl Facts {
    /// Reads the metadata of an object of `resource`; the word that is missing or wrong otherwise.
    pub(crate) fn read(resource: &Resource, object: &Value) -> Result<Self, &'static str> {
        let metadata = object
            .get("metadata")
            .and_then(Value::as_object)
            .ok_or("metadata")?;
        let text = |key: &str| metadata.get(key).and_then(Value::as_str).map(str::to_owned);
        let name = text("name").ok_or("metadata.name")?;
        let namespace = text("namespace").unwrap_or_default();
        if namespace.is_empty() == resource.namespaced {
            return Err("metadata.namespace");
        }
        Ok(Self {
            id: resource.id(&namespace, &name),
            version: resource.gvk.version.clone(),
            uid: text("uid").ok_or("metadata.uid")?,
            generation: metadata.get("generation").and_then(Value::as_i64),
            resource_version: text("resourceVersion").unwrap_or_default(),
            environment: environment(metadata),
            deleting: text("deletionTimestamp"),
            finalizers: finalizers(metadata),
            owner: metadata.get("managedFields").and_then(ownership),
            created: text("creationTimestamp"),
            other_tool: tools::other_tool(metadata).map(str::to_owned),
        })
    }
}

fn environment(metadata: &Map<String, Value>) -> Option<String> {
    let label = metadata.get("labels")?.get(api::names::ENVIRONMENT_LABEL)?;
    label.as_str().map(str::to_owned)
}

fn finalizers(metadata: &Map<String, Value>) -> Vec<String> {
    let list = metadata.get("finalizers").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use krm::Gvk;
    use serde_json::json;

    use super::*;

    fn resource() -> Resource {
        let gvk = Gvk::new("v1", "ConfigMap");
        Resource {
            gvk,
            plural: "configmaps".into(),
            namespaced: true,
            verbs: vec![],
        }
    }

    #[test]
    fn hostile_metadata_is_refused_or_read_and_never_a_panic() {
        for metadata in [
            json!(null),
            json!([]),
            json!({ "name": 7 }),
            json!({ "name": "x", "namespace": "shop" }),
            json!({ "name": "x", "uid": "u" }),
        ] {
            assert!(Facts::read(&resource(), &json!({ "metadata": metadata })).is_err());
        }
        let odd = json!({ "name": "x", "namespace": "shop", "uid": "u", "labels": [], "annotations": 7,
            "finalizers": {}, "managedFields": [null, 3, {"manager": {}}], "generation": "x" });
        let facts = Facts::read(&resource(), &json!({ "metadata": odd })).unwrap();
        assert_eq!(
            (facts.owner, facts.other_tool, facts.generation),
            (None, None, None)
        );
    }

    #[test]
    fn names_the_tool_that_claims_an_object() {
        let metadata = json!({ "name": "x", "namespace": "shop", "uid": "u",
            "annotations": { "argocd.argoproj.io/tracking-id": "app:/ConfigMap:shop/x" } });
        let facts = Facts::read(&resource(), &json!({ "metadata": metadata })).unwrap();
        assert_eq!(facts.other_tool.as_deref(), Some("Argo CD"));
    }
}
