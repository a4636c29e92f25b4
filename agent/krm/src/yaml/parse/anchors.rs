//! Anchored values of one document.

use super::budget::Spent;
use super::value::Value;
use crate::yaml::cursor::Mark;
use crate::yaml::error::{Problem, YamlError};

/// Anchors in the order they were seen; a later one of the same name hides an earlier one, even while its
/// value is still being read.
#[derive(Default)]
pub(super) struct Anchors<'t> {
    seen: Vec<(&'t str, Option<Anchored>)>,
}

/// A value that aliases may repeat.
pub(super) struct Anchored {
    pub value: Value,
    /// What a copy costs.
    pub cost: Spent,
    /// How many levels are below it.
    pub depth: usize,
}

impl<'t> Anchors<'t> {
    /// Says that the value named `name` starts here; the answer goes to [`Anchors::finish`].
    pub(super) fn start(&mut self, name: &'t str) -> usize {
        self.seen.push((name, None));
        self.seen.len() - 1
    }

    pub(super) fn finish(&mut self, id: usize, anchored: Anchored) {
        self.seen[id].1 = Some(anchored);
    }

    pub(super) fn get(&self, name: &str, mark: Mark) -> Result<&Anchored, YamlError> {
        match self.seen.iter().rev().find(|(known, _)| *known == name) {
            Some((_, Some(anchored))) => Ok(anchored),
            Some((_, None)) => Err(mark.error(Problem::RecursiveAlias)),
            None => Err(mark.error(Problem::UnknownAnchor)),
        }
    }
}
