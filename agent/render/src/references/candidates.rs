//! The objects that may be named, as they were before any reference changes.

use std::collections::HashMap;

use krm::{Node, Pos, schema::Schema};

use crate::resource::{FormerId, NO_NAMESPACE, Resource};

/// All objects of a set.
pub(super) struct Candidates {
    all: Vec<Candidate>,
    formerly: HashMap<String, Vec<usize>>,
    originally_in: HashMap<String, Vec<usize>>,
}

/// What is known about an object without looking into it.
pub(super) struct Candidate {
    group: String,
    version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) name_pos: Pos,
    /// As written; empty if nothing is.
    pub(super) namespace: String,
    pub(super) namespace_pos: Pos,
    pub(super) effective_namespace: String,
    pub(super) original_namespace: String,
    former: Vec<FormerId>,
    prefixes: Vec<String>,
    suffixes: Vec<String>,
}

impl Candidates {
    pub(super) fn new(set: &[Resource], schema: &Schema) -> Self {
        let all: Vec<Candidate> = set
            .iter()
            .map(|resource| Candidate::new(resource, schema))
            .collect();
        let mut formerly: HashMap<String, Vec<usize>> = HashMap::new();
        let mut originally_in: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, candidate) in all.iter().enumerate() {
            for former in &candidate.former {
                let found = formerly.entry(former.name.clone()).or_default();
                if found.last() != Some(&at) {
                    found.push(at);
                }
            }
            let namespace = candidate.original_namespace.clone();
            originally_in.entry(namespace).or_default().push(at);
        }
        Self {
            all,
            formerly,
            originally_in,
        }
    }

    pub(super) fn get(&self, at: usize) -> &Candidate {
        &self.all[at]
    }

    /// Those that once had this name, in order.
    pub(super) fn formerly(&self, name: &str) -> Vec<&Candidate> {
        self.listed(self.formerly.get(name)).collect()
    }

    /// Those that were first in this namespace.
    pub(super) fn originally_in(&self, namespace: &str) -> impl Iterator<Item = &Candidate> {
        let found = self.originally_in.get(namespace);
        self.listed(found.filter(|_| namespace != NO_NAMESPACE))
    }

    fn listed<'c>(&'c self, found: Option<&'c Vec<usize>>) -> impl Iterator<Item = &'c Candidate> {
        found.into_iter().flatten().map(|at| &self.all[*at])
    }
}

impl Candidate {
    fn new(resource: &Resource, schema: &Schema) -> Self {
        let id = resource.id(schema);
        let node = &resource.node;
        let pos = |field| {
            let node: Option<&Node> = node.at(&["metadata", field]);
            node.map_or_else(Pos::default, |node| node.pos)
        };
        Self {
            group: id.group.to_owned(),
            version: id.version.to_owned(),
            kind: id.kind.to_owned(),
            name: id.name.to_owned(),
            name_pos: pos("name"),
            namespace: node.namespace().to_owned(),
            namespace_pos: pos("namespace"),
            effective_namespace: id.namespace.to_owned(),
            original_namespace: resource.original_id(schema).namespace.to_owned(),
            former: resource.former.clone(),
            prefixes: resource.prefixes.clone(),
            suffixes: resource.suffixes.clone(),
        }
    }

    pub(super) fn is_cluster_scoped(&self) -> bool {
        self.effective_namespace == NO_NAMESPACE
    }

    /// Whether it is now in the namespace.
    pub(super) fn is_in(&self, namespace: &str) -> bool {
        !self.is_cluster_scoped() && self.effective_namespace == namespace
    }

    /// Whether it once was of this type; empty texts stand for any.
    pub(super) fn was(&self, group: &str, version: &str, kind: &str) -> bool {
        let matches = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        matches(group, &self.group)
            && matches(version, &self.version)
            && self.former.iter().any(|former| matches(kind, &former.kind))
    }

    /// Whether both were given the same prefixes and suffixes, as far as both were.
    pub(super) fn affixes_agree(&self, other: &Self, none_agrees: bool) -> bool {
        agree(&self.prefixes, &other.prefixes, none_agrees)
            && agree(&self.suffixes, &other.suffixes, none_agrees)
    }

    pub(super) fn describe(&self) -> String {
        match self.namespace.as_str() {
            "" => format!("{} {}", self.kind, self.name),
            namespace => format!("{} {}/{}", self.kind, namespace, self.name),
        }
    }
}

/// Whether the shorter list is the end of the longer one. An empty list ends only an empty one, unless it is
/// to agree with all.
fn agree(a: &[String], b: &[String], none_agrees: bool) -> bool {
    if a.is_empty() || b.is_empty() {
        return none_agrees || a.len() == b.len();
    }
    a.ends_with(b) || b.ends_with(a)
}
