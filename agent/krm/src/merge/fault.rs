//! Why a merge failed, and where.

use std::fmt;

use crate::{Kind, Node, Pos};

/// A place in the object and what is wrong there.
#[derive(Debug)]
pub struct MergeError {
    /// Field names from the innermost out.
    path: Vec<String>,
    /// Where the patch wrote it.
    pub pos: Pos,
    /// What is wrong.
    pub problem: MergeProblem,
}

/// What can be wrong with a patch.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MergeProblem {
    /// Two values of different shape.
    #[error("the patch has a {patch} where the target has a {target}")]
    Shapes {
        /// What the target has.
        target: &'static str,
        /// What the patch has.
        patch: &'static str,
    },
    /// An unknown word after `$patch`.
    #[error("unknown directive `$patch: {0}`; it must be delete, replace or merge")]
    Directive(String),
    /// An item without the shape that its list needs.
    #[error("an item of this list is a {found}, but its items are told apart by {keys}")]
    Item {
        /// What the item is.
        found: &'static str,
        /// How the items of this list are told apart.
        keys: String,
    },
}

impl MergeError {
    pub(super) fn here(pos: Pos, problem: MergeProblem) -> Self {
        Self {
            path: Vec::new(),
            pos,
            problem,
        }
    }

    pub(super) fn shapes(target: &Node, patch: &Node) -> Self {
        let problem = MergeProblem::Shapes {
            target: shape(target),
            patch: shape(patch),
        };
        Self::here(patch.pos, problem)
    }

    pub(super) fn item(item: &Node, keys: &[&str]) -> Self {
        let keys = match keys {
            [] | [""] => "value".to_owned(),
            keys => keys.join(" and "),
        };
        let found = shape(item);
        Self::here(item.pos, MergeProblem::Item { found, keys })
    }

    /// The same error, seen from the map that holds the value under `name`.
    #[must_use]
    pub(super) fn within(mut self, name: &str) -> Self {
        self.path.push(name.to_owned());
        self
    }

    /// The field, from the root: `spec.template.spec.containers`; empty for the object itself.
    pub fn path(&self) -> String {
        let names: Vec<_> = self.path.iter().rev().map(String::as_str).collect();
        names.join(".")
    }
}

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.is_empty() {
            true => self.problem.fmt(f),
            false => write!(f, "{}: {}", self.path(), self.problem),
        }
    }
}

impl std::error::Error for MergeError {}

fn shape(node: &Node) -> &'static str {
    match node.kind {
        Kind::Scalar(_) => "scalar",
        Kind::Seq(_) => "list",
        Kind::Map(_) => "map",
    }
}
