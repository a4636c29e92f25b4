//! Who changed what, read from an object's managed fields.
//!
//! Our own apply entry is a fixed set until somebody else changes a field of it; then the field is missing
//! from our set. Values are not looked at, so nothing here can leak one; only the keys that tell list items
//! apart are.

use serde_json::Value;

mod added;
mod cursor;
mod entry;
mod items;
mod path;
mod walk;

use entry::Entry;

/// A field that git sets and that is no longer ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostField {
    /// `spec.template.spec.containers[name=web].image`; a whole branch where nothing of it is left. Empty
    /// if nobody owns anything any more.
    pub path: String,
    /// Who owns it now, or, where nobody does, who wrote last after us. `None` if the API server did not
    /// record anybody: it forgets who only removed something.
    pub by: Option<Author>,
}

/// A field that somebody else added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignField {
    /// `metadata.annotations["example.com/note"]`; a whole branch where git mentions nothing of it.
    pub path: String,
    /// Who owns it.
    pub by: Author,
    /// True if it is only ever told, never taken out: finalizers, owners, a number of replicas.
    pub lasting: bool,
    /// The place in managed fields, from the root.
    pub fields: Value,
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

/// The fields of `desired` that `manager` applied and no longer owns, in the order of `desired`.
/// `managed_fields` is the object's `metadata.managedFields`.
pub fn lost(desired: &Value, managed_fields: &Value, manager: &str) -> Vec<LostField> {
    let entries = entry::read(managed_fields);
    let (own, others): (Vec<&Entry<'_>>, _) =
        entries.iter().partition(|entry| entry.is_apply_of(manager));
    match (own.first(), others.is_empty()) {
        // Somebody wiped the managed fields, so that nobody owns anything.
        (None, true) => vec![LostField {
            path: String::new(),
            by: None,
        }],
        (own, _) => walk::lost(desired, own.copied(), &others),
    }
}

/// The fields that `desired` does not mention and that managers have set whom `counts` knows, sorted by author.
/// Subresources and what `kubectl` notes for itself are left out.
pub fn foreign(
    desired: &Value,
    managed_fields: &Value,
    counts: &dyn Fn(&str) -> bool,
) -> Vec<ForeignField> {
    let entries = entry::read(managed_fields);
    let others = entries
        .iter()
        .filter(|entry| entry.author.subresource.is_empty() && counts(&entry.author.manager));
    others
        .flat_map(|entry| added::foreign(desired, entry))
        .collect()
}
