//! Why a patch failed, and which of its operations.

use std::fmt;

use crate::{Node, Pos};

/// The operation that failed and what is wrong with it.
#[derive(Debug)]
pub struct PatchError {
    /// `operation 3 (remove /spec/replicas)`; `None` for the outcome as a whole.
    operation: Option<String>,
    /// Where the operation is written.
    pub pos: Pos,
    /// What is wrong.
    pub problem: PatchProblem,
}

/// What can go wrong with one operation.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PatchProblem {
    /// A field that must be there.
    #[error("the field `{0}` is missing or not a string")]
    Field(&'static str),
    /// A word that is no operation.
    #[error("`{0}` is not an operation; it must be add, remove, replace, move, copy or test")]
    Operation(String),
    /// No map or list to work in.
    #[error("nothing in the object holds the path `{0}`")]
    Missing(String),
    /// Nothing under the last part of a path.
    #[error("there is no `{0}`")]
    Absent(String),
    /// The last part of a path into a list.
    #[error("`{key}` is not an index into a list of {length}")]
    Index {
        /// The part.
        key: String,
        /// How long the list is.
        length: usize,
    },
    /// `test` found another value.
    #[error("the value there is another")]
    Test,
    /// The whole object would be no map.
    #[error("the whole object must stay a map")]
    NotAnObject,
    /// A number that JSON has no word for.
    #[error("infinity and NaN cannot pass through JSON")]
    Number,
    /// A key that JSON has no word for.
    #[error("a key of the object is a number, a boolean, null or a date; quote it")]
    TypedKey,
    /// Copies of copies.
    #[error("the copies in this patch pass {} MiB", super::MAX_COPIED >> 20)]
    TooMuch,
}

impl PatchError {
    pub(super) fn new(index: usize, operation: &Node, problem: PatchProblem) -> Self {
        let word = |key| operation.get(key).and_then(Node::text).unwrap_or_default();
        let said = format!("{} {}", word("op"), word("path"));
        let said = match said.trim() {
            "" => format!("operation {}", index + 1),
            said => format!("operation {} ({said})", index + 1),
        };
        Self {
            operation: Some(said),
            pos: operation.pos,
            problem,
        }
    }

    pub(super) fn whole(pos: Pos, problem: PatchProblem) -> Self {
        Self {
            operation: None,
            pos,
            problem,
        }
    }
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = &self.operation {
            write!(f, "{operation}: ")?;
        }
        self.problem.fmt(f)
    }
}

impl std::error::Error for PatchError {}
