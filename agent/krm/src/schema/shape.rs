//! One type as a merge sees it, and the words in which the generated table is written.

use super::Scope;

/// In an index: it counts in the built-in table, wherever it stands.
pub(super) const FOREIGN: u32 = 1 << 31;

/// A type. References to other types are indices into the slice that holds this one, but for [`FOREIGN`] ones.
#[derive(Debug)]
pub(super) struct Shape {
    pub fields: Fields,
    /// The type of every field that is not named.
    pub values: Option<u32>,
    pub items: Option<u32>,
    /// `Some` if lists of this type merge: the keys that tell their items apart.
    pub merge: Option<Keys>,
}

/// Named fields, sorted by name.
#[derive(Debug)]
pub(super) enum Fields {
    Fixed(&'static [(&'static str, u32)]),
    Read(Vec<(String, u32)>),
}

/// Merge keys in order; none if items are told apart by value.
#[derive(Debug)]
pub(super) enum Keys {
    Fixed(&'static [&'static str]),
    Read(Vec<String>),
}

/// An `apiVersion` and its kinds, both sorted.
pub(super) type Group = (&'static str, &'static [Entry]);

/// What the table says about a kind.
pub(super) struct Entry {
    pub kind: &'static str,
    pub shape: Option<u32>,
    pub scope: Option<Scope>,
}

impl Shape {
    pub(super) fn field(&self, name: &str) -> Option<u32> {
        self.fields.find(name).or(self.values)
    }
}

impl Fields {
    fn find(&self, name: &str) -> Option<u32> {
        match self {
            Self::Fixed(all) => {
                let at = all.binary_search_by(|field| field.0.cmp(name)).ok()?;
                Some(all[at].1)
            }
            Self::Read(all) => {
                let at = all.binary_search_by(|field| (*field.0).cmp(name)).ok()?;
                Some(all[at].1)
            }
        }
    }
}

impl Keys {
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Fixed(all) => all.to_vec(),
            Self::Read(all) => all.iter().map(String::as_str).collect(),
        }
    }
}

pub(super) fn find(
    groups: &'static [Group],
    api_version: &str,
    kind: &str,
) -> Option<&'static Entry> {
    let at = groups
        .binary_search_by(|group| group.0.cmp(api_version))
        .ok()?;
    let kinds = groups[at].1;
    let at = kinds.binary_search_by(|entry| entry.kind.cmp(kind)).ok()?;
    Some(&kinds[at])
}

/// A type below which nothing merges.
pub(super) const fn opaque() -> Shape {
    map(&[])
}

/// A map with named fields.
pub(super) const fn map(fields: &'static [(&'static str, u32)]) -> Shape {
    Shape {
        fields: Fields::Fixed(fields),
        values: None,
        items: None,
        merge: None,
    }
}

/// A list that merges.
pub(super) const fn keyed(item: u32, keys: &'static [&'static str]) -> Shape {
    Shape {
        fields: Fields::Fixed(&[]),
        values: None,
        items: Some(item),
        merge: Some(Keys::Fixed(keys)),
    }
}

/// A kind of known scope.
pub(super) const fn k(kind: &'static str, shape: Option<u32>, scope: Scope) -> Entry {
    Entry {
        kind,
        shape,
        scope: Some(scope),
    }
}

/// A kind of unknown scope.
pub(super) const fn u(kind: &'static str, shape: Option<u32>) -> Entry {
    Entry {
        kind,
        shape,
        scope: None,
    }
}
