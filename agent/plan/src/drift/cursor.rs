//! A place in somebody's set of fields, followed while walking an object.

use serde_json::Value;

use super::entry::Fields;

/// What somebody owns at a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cursor<'a> {
    /// Nothing, here or below.
    Nothing,
    /// This place or some of what is below it.
    Here(&'a Fields),
    /// A place above, as one piece: all of this, if it is one piece indeed.
    Above,
}

impl<'a> Cursor<'a> {
    /// The place one step down; `key` as the API server writes it.
    pub(super) fn down(self, key: &str) -> Self {
        match self {
            Self::Here(fields) if fields.is_empty() => Self::Above,
            Self::Here(fields) => Self::at(fields.get(key)),
            other => other,
        }
    }

    /// The place of an item of a list, whose key there is `key`, if it is there at all.
    pub(super) fn item(self, key: Option<&str>) -> Self {
        match (self, key) {
            (Self::Here(fields), None) if !fields.is_empty() => Self::Nothing,
            (Self::Here(fields), Some(key)) if !fields.is_empty() => match fields.get(key) {
                // An item is never one piece: empty means that only its being there is owned.
                Some(Value::Object(item)) if item.is_empty() => Self::Nothing,
                item => Self::at(item),
            },
            (cursor, _) => cursor.down(""),
        }
    }

    /// True if this very place is named.
    pub(super) fn is_here(self) -> bool {
        matches!(self, Self::Here(_))
    }

    /// True if this very place is named and nothing below it.
    pub(super) fn is_leaf(self) -> bool {
        matches!(self, Self::Here(fields) if fields.is_empty())
    }

    /// The fields, if this very place is named.
    pub(super) fn fields(self) -> Option<&'a Fields> {
        match self {
            Self::Here(fields) => Some(fields),
            _ => None,
        }
    }

    fn at(value: Option<&'a Value>) -> Self {
        value
            .and_then(Value::as_object)
            .map_or(Self::Nothing, Self::Here)
    }
}
