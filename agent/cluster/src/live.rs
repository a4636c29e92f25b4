//! One object as the API server shows it, taken apart.

use serde_json::Value;

use crate::{CallError, Facts, Resource, error::garbage};

/// An object as it is now.
#[derive(Clone, Debug)]
pub struct Live {
    /// Its metadata.
    pub facts: Facts,
    /// All of it but its managed fields, where that was asked for. Never of a Secret.
    pub body: Option<Value>,
    /// Who owns which of its fields since when.
    pub managed_fields: Value,
}

/// How much of an object is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Metadata,
    Whole,
}

impl Live {
    pub(crate) fn read(
        resource: &Resource,
        mut object: Value,
        part: Part,
    ) -> Result<Self, CallError> {
        let facts = item_facts(resource, &object)?;
        let metadata = object["metadata"].as_object_mut();
        let managed_fields = metadata.and_then(|metadata| metadata.remove("managedFields"));
        let body = (part == Part::Whole).then(|| named(resource, object));
        Ok(Self {
            facts,
            body,
            managed_fields: managed_fields.unwrap_or_default(),
        })
    }
}

/// The facts of an object in an answer.
pub(crate) fn item_facts(resource: &Resource, item: &Value) -> Result<Facts, CallError> {
    Facts::read(resource, item).map_err(|field| garbage(&format!("an object has no valid {field}")))
}

/// Items of a list do not say of what kind they are.
fn named(resource: &Resource, mut object: Value) -> Value {
    object["apiVersion"] = resource.gvk.api_version().into();
    object["kind"] = resource.gvk.kind.clone().into();
    object
}
