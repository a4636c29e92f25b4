//! The entries of `metadata.managedFields`.

use serde_json::{Map, Value};

use super::Author;

/// A set of fields as the API server writes it: keys `f:`, `k:`, `v:`, `i:` and `.`.
pub(super) type Fields = Map<String, Value>;

/// One entry.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub author: Author,
    pub fields: &'a Fields,
}

impl Entry<'_> {
    /// True for what `manager` has applied to the object itself.
    pub(super) fn is_apply_of(&self, manager: &str) -> bool {
        self.author.manager == manager
            && self.author.operation == "Apply"
            && self.author.subresource.is_empty()
    }
}

/// Reads what can be read; entries of another shape are as good as none.
pub(super) fn read(managed_fields: &Value) -> Vec<Entry<'_>> {
    let entries = managed_fields.as_array().map_or(&[][..], Vec::as_slice);
    entries.iter().filter_map(entry).collect()
}

/// The last of `entries` to write anything but a status, and not before `time`.
pub(super) fn newest_after<'a>(
    entries: &[&'a Entry<'_>],
    time: Option<&str>,
) -> Option<&'a Author> {
    let authors = entries.iter().map(|entry| &entry.author);
    authors
        .filter(|author| author.subresource != "status")
        .filter(|author| author.time.as_deref() >= time)
        .max_by_key(|author| author.time.as_deref())
}

fn entry(value: &Value) -> Option<Entry<'_>> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Entry {
        author: Author {
            manager: text("manager")?,
            operation: text("operation").unwrap_or_default(),
            subresource: text("subresource").unwrap_or_default(),
            time: text("time"),
        },
        fields: value.get("fieldsV1")?.as_object()?,
    })
}
