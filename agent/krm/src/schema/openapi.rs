//! Reads the types out of a user's `OpenAPI` document (Swagger 2: `definitions` and `paths`).
//!
//! Only what a merge asks about is read. Each definition becomes one shape, so types may contain themselves.

use std::collections::BTreeMap;

use super::{
    Scope,
    shape::{FOREIGN, Fields, Keys, Shape, opaque},
    table,
};
use crate::{Map, Node, Pos};

const KINDS: &str = "x-kubernetes-group-version-kind";
const STRATEGY: &str = "x-kubernetes-patch-strategy";
const MERGE_KEY: &str = "x-kubernetes-patch-merge-key";
const MERGE_KEYS: &str = "x-kubernetes-list-map-keys";
const REFERENCE: &str = "#/definitions/";

/// The types of one document.
#[derive(Debug, Default)]
pub(super) struct Document {
    shapes: Vec<Shape>,
    objects: BTreeMap<(String, String), u32>,
    scopes: BTreeMap<(String, String), Scope>,
}

/// Why a document is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OpenApiError {
    /// A list or a scalar stands where a map must.
    #[error("the OpenAPI schema must be a map with `definitions`")]
    NotAMap(Pos),
    /// `definitions` is no map.
    #[error("`definitions` of the OpenAPI schema must be a map")]
    Definitions(Pos),
}

/// What is known while reading: where each definition's shape will stand, for those that may be referred to.
struct Reader<'d> {
    definitions: &'d Map,
    index: BTreeMap<&'d str, u32>,
    shapes: Vec<Shape>,
}

impl Document {
    pub(super) fn read(document: &Node) -> Result<Self, OpenApiError> {
        if document.as_map().is_none() {
            return Err(OpenApiError::NotAMap(document.pos));
        }
        let empty = Map::new();
        let definitions = match document.get("definitions") {
            None => &empty,
            Some(node) => node.as_map().ok_or(OpenApiError::Definitions(node.pos))?,
        };
        let mut reader = Reader::new(definitions);
        reader.fill();
        Ok(Self {
            objects: reader.objects(),
            scopes: document.get("paths").map(read_scopes).unwrap_or_default(),
            shapes: reader.shapes,
        })
    }

    /// The types of a schema that stands alone, and where its own is.
    pub(super) fn of_value(schema: &Node) -> (Self, u32) {
        let definitions = Map::new();
        let mut reader = Reader::new(&definitions);
        let at = reader.refer(schema).unwrap_or_else(|| {
            reader.shapes.push(opaque());
            0
        });
        let document = Self {
            shapes: reader.shapes,
            ..Self::default()
        };
        (document, at)
    }

    pub(super) fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    pub(super) fn object(&self, api_version: &str, kind: &str) -> Option<u32> {
        let key = (api_version.to_owned(), kind.to_owned());
        self.objects.get(&key).copied()
    }

    pub(super) fn scope(&self, api_version: &str, kind: &str) -> Option<Scope> {
        let key = (api_version.to_owned(), kind.to_owned());
        self.scopes.get(&key).copied()
    }
}

impl<'d> Reader<'d> {
    fn new(definitions: &'d Map) -> Self {
        let names = definitions.iter().map(|entry| entry.key.as_str());
        let index: BTreeMap<_, _> = names.zip(0..).collect();
        Self {
            shapes: index.iter().map(|_| opaque()).collect(),
            definitions,
            index,
        }
    }

    fn fill(&mut self) {
        for (at, entry) in self.definitions.iter().enumerate() {
            self.shapes[at] = self.shape(&entry.value);
        }
    }

    fn shape(&mut self, schema: &'d Node) -> Shape {
        let mut fields: Vec<_> = map_under(schema, "properties")
            .filter_map(|entry| Some((entry.key.clone(), self.refer(&entry.value)?)))
            .collect();
        fields.sort();
        let free = schema.get("additionalProperties");
        let items = schema.get("items").filter(|_| is_array(schema));
        Shape {
            fields: Fields::Read(fields),
            values: free
                .filter(|node| node.as_map().is_some())
                .and_then(|node| self.refer(node)),
            items: items.and_then(|node| self.refer(node)),
            merge: merge_of(schema).map(Keys::Read),
        }
    }

    /// Where the shape of `schema` stands. A chain of references that never ends, or ends nowhere, is no type.
    /// One that leaves the document leads to the built-in definitions.
    fn refer(&mut self, schema: &'d Node) -> Option<u32> {
        let mut schema = schema;
        let mut at = None;
        for _ in 0..=self.definitions.len() {
            let Some(reference) = text(schema, "$ref") else {
                return Some(at.unwrap_or_else(|| self.add(schema)));
            };
            let name = reference.strip_prefix(REFERENCE)?;
            let Some(own) = self.index.get(name) else {
                return built_in(name);
            };
            at = Some(*own);
            schema = self.definitions.get(name)?;
        }
        None
    }

    fn add(&mut self, schema: &'d Node) -> u32 {
        let shape = self.shape(schema);
        self.shapes.push(shape);
        u32::try_from(self.shapes.len() - 1)
            .expect("fewer shapes than nodes, because the reader limits a document's size")
    }

    fn objects(&self) -> BTreeMap<(String, String), u32> {
        self.definitions
            .iter()
            .flat_map(|entry| {
                let at = self.index[entry.key.as_str()];
                kinds_of(&entry.value).map(move |kind| (kind, at))
            })
            .collect()
    }
}

/// The built-in definition of that name, if a merging list is in it.
fn built_in(name: &str) -> Option<u32> {
    let definitions = table::DEFINITIONS;
    let at = definitions.binary_search_by(|entry| entry.0.cmp(name));
    Some(definitions[at.ok()?].1 | FOREIGN)
}

/// The path with a namespace in it decides; any other says "cluster" only where no such path is.
fn read_scopes(paths: &Node) -> BTreeMap<(String, String), Scope> {
    let mut scopes = BTreeMap::new();
    for entry in paths.as_map().into_iter().flatten() {
        let kind = entry.value.at(&["get", KINDS]).and_then(kind_of);
        let Some(kind) = kind else { continue };
        if entry.key.contains("namespaces/{namespace}") {
            scopes.insert(kind, Scope::Namespaced);
        } else {
            scopes.entry(kind).or_insert(Scope::Cluster);
        }
    }
    scopes
}

fn kinds_of(definition: &Node) -> impl Iterator<Item = (String, String)> {
    let entries = definition.get(KINDS).and_then(Node::as_seq);
    entries.into_iter().flatten().filter_map(kind_of)
}

fn kind_of(entry: &Node) -> Option<(String, String)> {
    let version = text(entry, "version")?;
    let version = match text(entry, "group") {
        None | Some("") => version.to_owned(),
        Some(group) => format!("{group}/{version}"),
    };
    Some((version, text(entry, "kind")?.to_owned()))
}

fn merge_of(schema: &Node) -> Option<Vec<String>> {
    let strategy = text(schema, STRATEGY)?;
    strategy.split(',').find(|word| *word == "merge")?;
    let own = |node: &Node| node.text().map(str::to_owned);
    Some(match schema.get(MERGE_KEYS).and_then(Node::as_seq) {
        Some(keys) => keys.iter().filter_map(own).collect(),
        None => schema.get(MERGE_KEY).and_then(own).into_iter().collect(),
    })
}

fn is_array(schema: &Node) -> bool {
    match schema.get("type").and_then(Node::as_seq) {
        Some([only]) => only.text() == Some("array"),
        Some(_) => false,
        None => text(schema, "type") == Some("array"),
    }
}

fn map_under<'n>(node: &'n Node, key: &str) -> std::slice::Iter<'n, crate::Entry> {
    node.get(key)
        .and_then(Node::as_map)
        .map_or_else(|| [].iter(), Map::iter)
}

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key)?.text()
}
