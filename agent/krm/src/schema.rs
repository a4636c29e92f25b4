//! What is known about the types of objects: which lists merge by which keys, which kinds have a namespace.
//!
//! The built-in part is a static table made from the document that kustomize carries, so nothing is parsed
//! at start. A kustomization may bring a document of its own (`openapi.path`); it is a value here, never a
//! global. What the types say about validity is not known here.

mod openapi;
mod shape;
mod table;

pub use openapi::OpenApiError;

use crate::{Gvk, Node};
use openapi::Document;
use shape::{FOREIGN, Shape};
use std::cell::OnceCell;

/// The types that a merge may ask about.
#[derive(Debug)]
pub struct Schema {
    built_in: BuiltIn,
    document: Option<Document>,
}

/// What holds of the built-in types beside a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BuiltIn {
    /// Nothing.
    Absent,
    /// What the document does not mention.
    Last,
    /// Everything; the document adds to it.
    First,
}

/// The type of a value at some place of some object.
#[derive(Clone, Copy, Debug)]
pub struct Type<'s> {
    shapes: &'s [Shape],
    at: u32,
    /// Whether references out of a document lead to the built-in types.
    linked: bool,
}

/// How two lists become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListMerge<'s> {
    /// The patch's list takes the place of the other.
    Replace,
    /// Items are told apart by their values.
    Values,
    /// Items are told apart by these fields.
    Keyed(Vec<&'s str>),
}

/// Whether objects of a kind live in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In a namespace.
    Namespaced,
    /// In none.
    Cluster,
}

impl Schema {
    /// What kustomize believes about Kubernetes when nobody says otherwise.
    pub const BUILT_IN: Self = Self {
        built_in: BuiltIn::First,
        document: None,
    };

    /// The types of an `OpenAPI` document *instead of* the built-in ones, as kustomize takes `openapi.path`.
    /// The scopes of built-in kinds stay known.
    pub fn from_openapi(document: &crate::Node) -> Result<Self, OpenApiError> {
        Ok(Self {
            built_in: BuiltIn::Absent,
            document: Some(Document::read(document)?),
        })
    }

    /// The same types, with the built-in ones for every kind the document does not mention: what kustomize
    /// does when it meets the document after its first merge.
    #[must_use]
    pub fn over_built_in(self) -> Self {
        Self {
            built_in: BuiltIn::Last,
            ..self
        }
    }

    /// The built-in types, with these for every kind that is not built in: what kustomize does when it meets
    /// the document after an object of a kind it does not know, and before its first merge.
    #[must_use]
    pub fn under_built_in(self) -> Self {
        Self {
            built_in: BuiltIn::First,
            ..self
        }
    }

    /// The type of whole objects of a kind, `None` if unknown.
    pub fn object(&self, api_version: &str, kind: &str) -> Option<Type<'_>> {
        let built_in = || self.built_in_object(api_version, kind);
        let own = || {
            let document = self.document.as_ref()?;
            Some(Type {
                at: document.object(api_version, kind)?,
                shapes: document.shapes(),
                linked: self.built_in != BuiltIn::Absent,
            })
        };
        match self.built_in {
            BuiltIn::First => built_in().or_else(own),
            _ => own().or_else(built_in),
        }
    }

    fn built_in_object(&self, api_version: &str, kind: &str) -> Option<Type<'static>> {
        let entry = shape::find(table::KINDS, api_version, kind)?;
        let always = api_version.starts_with("kustomize.config.k8s.io/");
        let known = entry
            .shape
            .filter(|_| self.built_in != BuiltIn::Absent || always);
        Some(Type {
            shapes: table::SHAPES,
            at: known?,
            linked: true,
        })
    }

    /// Whether the scope of a kind is built in.
    pub fn has_scope(api_version: &str, kind: &str) -> bool {
        shape::find(table::KINDS, api_version, kind).is_some_and(|entry| entry.scope.is_some())
    }

    /// Whether a kind lives in a namespace; `None` if unknown.
    pub fn scope(&self, gvk: &Gvk) -> Option<Scope> {
        self.scope_of(&gvk.api_version(), &gvk.kind)
    }

    /// As [`Schema::scope`], for an `apiVersion` as it is written.
    pub fn scope_of(&self, api_version: &str, kind: &str) -> Option<Scope> {
        match shape::find(table::KINDS, api_version, kind).and_then(|entry| entry.scope) {
            Some(scope) => Some(scope),
            None => self.document.as_ref()?.scope(api_version, kind),
        }
    }
}

/// Types that comments tell, read when a merge comes by them; each stays where it is.
#[derive(Debug, Default)]
pub(crate) struct Told {
    document: OnceCell<Document>,
    next: OnceCell<Box<Told>>,
}

impl Told {
    /// The type that a schema describes.
    pub(crate) fn read(&self, schema: &Node) -> Type<'_> {
        let mut last = self;
        while last.document.get().is_some() {
            last = last.next.get_or_init(Box::default);
        }
        let (document, at) = Document::of_value(schema);
        let document = last.document.get_or_init(|| document);
        let own = Type {
            shapes: document.shapes(),
            at,
            linked: true,
        };
        own.go(at).unwrap_or(own)
    }
}

impl<'s> Type<'s> {
    /// The type of a field, or of any value of a map with free keys; `None` if unknown.
    pub fn field(self, name: &str) -> Option<Self> {
        self.shape().field(name).and_then(|at| self.go(at))
    }

    /// The type of a list's items; `None` if unknown or not a list.
    pub fn items(self) -> Option<Self> {
        self.shape().items.and_then(|at| self.go(at))
    }

    /// The type at an index that one of these shapes holds.
    fn go(self, at: u32) -> Option<Self> {
        if at & FOREIGN == 0 {
            return Some(Self { at, ..self });
        }
        self.linked.then_some(Self {
            shapes: table::SHAPES,
            at: at & !FOREIGN,
            linked: true,
        })
    }

    /// How lists of this type merge.
    pub fn list_merge(self) -> ListMerge<'s> {
        match self.shape().merge.as_ref().map(shape::Keys::names) {
            None => ListMerge::Replace,
            Some(keys) if keys.is_empty() => ListMerge::Values,
            Some(keys) => ListMerge::Keyed(keys),
        }
    }

    fn shape(self) -> &'s Shape {
        &self.shapes[self.at as usize]
    }
}

#[cfg(test)]
mod tests;
