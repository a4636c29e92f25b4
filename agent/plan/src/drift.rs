//! Who changed what, read from an object's managed fields.
//!
//! Our own apply entry is a fixed set until somebody else changes a field of it; then the field is missing
//! from our set. Values are not looked at, so nothing here can leak one.

use serde_json::Value;

/// A field that git sets and that is no longer ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostField {
    /// `spec.template.spec.containers[name=web].image`
    pub path: String,
    /// Who owns it now, or wrote last where nobody does.
    pub by: Option<Author>,
}

/// A field that somebody else added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignField {
    /// `metadata.annotations["example.com/note"]`
    pub path: String,
    /// Who owns it.
    pub by: Author,
}

/// Somebody who wrote to an object, as the API server recorded it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// The field manager.
    pub manager: String,
    /// `Apply` or `Update`.
    pub operation: String,
    /// `scale`, `status`; empty for the object itself.
    pub subresource: String,
    /// When.
    pub time: Option<String>,
}

/// The fields of `desired` that `manager` applied and no longer owns.
/// `managed_fields` is the object's `metadata.managedFields`.
pub fn lost(desired: &Value, managed_fields: &Value, manager: &str) -> Vec<LostField> {
    let _ = (desired, managed_fields, manager);
    unimplemented!()
}

/// The fields others have set that `desired` does not mention. Subresources and the controllers of
/// Kubernetes itself are left out.
pub fn foreign(desired: &Value, managed_fields: &Value, manager: &str) -> Vec<ForeignField> {
    let _ = (desired, managed_fields, manager);
    unimplemented!()
}
