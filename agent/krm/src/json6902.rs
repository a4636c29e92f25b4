//! JSON Patch (RFC 6902) on [`Node`] trees, as kustomize applies it.
//!
//! kustomize turns the object into JSON, patches that and reads it back. Here the tree is patched in place, so
//! that values keep their positions, and then brought into the form that the way through JSON leaves behind.
//! Where the library behind kustomize is laxer than the RFC, so is this: `replace` adds a missing
//! field, negative indices count from the end, a path's first slash may be missing.

mod error;
mod place;
mod plain;
#[cfg(test)]
mod tests;

pub use error::{PatchError, PatchProblem};

use crate::{Kind, Node};
use place::Place;

/// How much a patch may add to an object by `copy`, in bytes of text and 32 for each value: far above any
/// object that fits into etcd, far below what hurts.
pub const MAX_COPIED: usize = 16 << 20;

/// A list of operations.
#[derive(Clone, Debug)]
pub struct JsonPatch {
    operations: Vec<Node>,
}

impl JsonPatch {
    /// Takes a document for a patch. Only its outline is looked at: what an operation says is found wrong when
    /// it is applied. `None` if the document is no list of maps.
    pub fn read(document: &Node) -> Option<Self> {
        if document.is_null() {
            return Some(Self {
                operations: Vec::new(),
            });
        }
        let items = document.as_seq()?;
        let operations = items.iter().map(|item| {
            let fits = item.is_null() || item.as_map().is_some();
            fits.then(|| plain::patch_value(item.clone()))
        });
        Some(Self {
            operations: operations.collect::<Option<_>>()?,
        })
    }

    /// True without any operation.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Applies all operations in order. After an error `target` may be half patched.
    pub fn apply(&self, target: &mut Node) -> Result<(), PatchError> {
        if !plain::bare(target) {
            return Err(PatchError::whole(target.pos, PatchProblem::TypedKey));
        }
        plain::strings(target);
        let mut copied = 0;
        for (index, operation) in self.operations.iter().enumerate() {
            let step = Step {
                operation,
                copied: &mut copied,
            };
            step.run(target)
                .map_err(|problem| PatchError::new(index, operation, problem))?;
        }
        let whole = match &target.kind {
            Kind::Map(_) => plain::numbers(target),
            _ => Err(PatchProblem::NotAnObject),
        };
        whole.map_err(|problem| PatchError::whole(target.pos, problem))
    }
}

/// One operation at work.
struct Step<'p, 'c> {
    operation: &'p Node,
    copied: &'c mut usize,
}

impl<'p> Step<'p, '_> {
    fn run(self, target: &mut Node) -> Result<(), PatchProblem> {
        match self.word("op") {
            Some("add") => self.at(target)?.add(self.value_or_null()),
            Some("remove") => self.at(target)?.remove().map(drop),
            Some("replace") => self.replace(target),
            Some("move") => self.shift(target),
            Some("copy") => self.copy(target),
            Some("test") => self.test(target),
            Some(other) => Err(PatchProblem::Operation(other.to_owned())),
            None => Err(PatchProblem::Field("op")),
        }
    }

    fn replace(&self, target: &mut Node) -> Result<(), PatchProblem> {
        if self.path()?.is_empty() {
            let value = self.value().filter(|value| value.as_scalar().is_none());
            *target = value.ok_or(PatchProblem::NotAnObject)?.clone();
            return Ok(());
        }
        self.at(target)?.replace(self.value_or_null())
    }

    fn shift(&self, target: &mut Node) -> Result<(), PatchProblem> {
        let value = self.from(target)?.remove()?;
        self.at(target)?.add(value)
    }

    fn copy(self, target: &mut Node) -> Result<(), PatchProblem> {
        let value = self.from(target)?.get()?.cloned();
        let value = value.unwrap_or_else(|| Node::null(self.operation.pos));
        *self.copied += weight(&value);
        if *self.copied > MAX_COPIED {
            return Err(PatchProblem::TooMuch);
        }
        self.at(target)?.add(value)
    }

    fn test(&self, target: &mut Node) -> Result<(), PatchProblem> {
        let wanted = self.value().filter(|value| !value.is_null());
        let path = self.path()?;
        let same = if path.is_empty() {
            wanted.is_some_and(|wanted| plain::same(target, wanted))
        } else {
            let found = self.at(target)?.get()?.filter(|value| !value.is_null());
            match (found, wanted) {
                (None, None) => true,
                (Some(found), Some(wanted)) => plain::same(found, wanted),
                _ => false,
            }
        };
        same.then_some(()).ok_or(PatchProblem::Test)
    }

    fn at<'t>(&self, target: &'t mut Node) -> Result<Place<'t>, PatchProblem> {
        let path = self.path()?;
        Place::find(target, path).ok_or_else(|| PatchProblem::Missing(path.to_owned()))
    }

    fn from<'t>(&self, target: &'t mut Node) -> Result<Place<'t>, PatchProblem> {
        let path = self.word("from").ok_or(PatchProblem::Field("from"))?;
        Place::find(target, path).ok_or_else(|| PatchProblem::Missing(path.to_owned()))
    }

    fn path(&self) -> Result<&'p str, PatchProblem> {
        self.word("path").ok_or(PatchProblem::Field("path"))
    }

    fn word(&self, key: &str) -> Option<&'p str> {
        self.operation.get(key)?.as_str()
    }

    fn value(&self) -> Option<&'p Node> {
        self.operation.get("value")
    }

    fn value_or_null(&self) -> Node {
        self.value()
            .map_or_else(|| Node::null(self.operation.pos), Node::clone)
    }
}

fn weight(node: &Node) -> usize {
    32 + match &node.kind {
        Kind::Scalar(scalar) => scalar.text.len(),
        Kind::Seq(items) => items.iter().map(weight).sum(),
        Kind::Map(map) => map
            .iter()
            .map(|entry| entry.key.len() + weight(&entry.value))
            .sum(),
    }
}
