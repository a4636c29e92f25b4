//! The place a path points to: a map or list that is there, and a key in it that need not be.

use super::PatchProblem;
use crate::{Kind, Map, Node};

/// A container and a key.
pub(super) struct Place<'t> {
    container: Container<'t>,
    key: String,
}

enum Container<'t> {
    Map(&'t mut Map),
    Seq(&'t mut Vec<Node>),
}

impl<'t> Place<'t> {
    /// Follows `path` up to its last part. What stands before the first slash is not looked at.
    pub(super) fn find(root: &'t mut Node, path: &str) -> Option<Self> {
        let mut parts: Vec<_> = path.split('/').skip(1).map(unescape).collect();
        let key = parts.pop()?;
        let holder = parts.iter().try_fold(root, |node, part| step(node, part))?;
        let container = match &mut holder.kind {
            Kind::Map(map) => Container::Map(map),
            Kind::Seq(items) => Container::Seq(items),
            Kind::Scalar(_) => return None,
        };
        Some(Self { container, key })
    }

    /// The value there; a field may be missing, an item may not.
    pub(super) fn get(self) -> Result<Option<&'t Node>, PatchProblem> {
        match self.container {
            Container::Map(map) => Ok(map.get(&self.key)),
            Container::Seq(items) => {
                let at = index(&self.key, items.len())?;
                Ok(Some(&items[at]))
            }
        }
    }

    pub(super) fn add(self, value: Node) -> Result<(), PatchProblem> {
        match self.container {
            Container::Map(map) => map.set(self.key, value),
            Container::Seq(items) if self.key == "-" => items.push(value),
            // One past the end is a place to add at.
            Container::Seq(items) => {
                let at = index(&self.key, items.len() + 1)?;
                items.insert(at, value);
            }
        }
        Ok(())
    }

    pub(super) fn replace(self, value: Node) -> Result<(), PatchProblem> {
        match self.container {
            Container::Map(map) => map.set(self.key, value),
            Container::Seq(items) => {
                let at = index(&self.key, items.len())?;
                items[at] = value;
            }
        }
        Ok(())
    }

    pub(super) fn remove(self) -> Result<Node, PatchProblem> {
        match self.container {
            Container::Map(map) => map.remove(&self.key).ok_or(PatchProblem::Absent(self.key)),
            Container::Seq(items) => {
                let at = index(&self.key, items.len())?;
                Ok(items.remove(at))
            }
        }
    }
}

fn step<'t>(node: &'t mut Node, part: &str) -> Option<&'t mut Node> {
    match &mut node.kind {
        Kind::Map(map) => map.get_mut(part),
        Kind::Seq(items) => {
            let at = index(part, items.len()).ok()?;
            items.get_mut(at)
        }
        Kind::Scalar(_) => None,
    }
}

/// Negative indices count from the end.
fn index(key: &str, length: usize) -> Result<usize, PatchProblem> {
    let wrong = || PatchProblem::Index {
        key: key.to_owned(),
        length,
    };
    let at: isize = key.parse().map_err(|_| wrong())?;
    let at = match usize::try_from(at) {
        Ok(at) => Some(at),
        Err(_) => length.checked_sub(at.unsigned_abs()),
    };
    at.filter(|at| *at < length).ok_or_else(wrong)
}

fn unescape(part: &str) -> String {
    let mut result = String::with_capacity(part.len());
    let mut rest = part;
    while let Some(at) = rest.find('~') {
        result.push_str(&rest[..at]);
        let (letter, taken) = match rest.as_bytes().get(at + 1) {
            Some(b'1') => ('/', 2),
            Some(b'0') => ('~', 2),
            _ => ('~', 1),
        };
        result.push(letter);
        rest = &rest[at + taken..];
    }
    result.push_str(rest);
    result
}
