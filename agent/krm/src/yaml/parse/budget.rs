//! What reading has cost so far.

use crate::yaml::cursor::Mark;
use crate::yaml::error::{Problem, YamlError};
use crate::yaml::limits::{Limits, NODE_WEIGHT};

/// What all documents of one text share.
pub(in crate::yaml) struct Budget {
    limits: Limits,
    spent: Spent,
    /// Bytes that aliases have added.
    aliased: usize,
}

/// Values and the bytes of their text.
#[derive(Clone, Copy, Default)]
pub(super) struct Spent {
    pub nodes: usize,
    pub text: usize,
}

impl Budget {
    pub(in crate::yaml) fn new(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            spent: Spent::default(),
            aliased: 0,
        }
    }

    pub(super) fn max_depth(&self) -> usize {
        self.limits.depth
    }

    pub(super) fn spent(&self) -> Spent {
        self.spent
    }

    /// Pays for one value with `text` bytes of text.
    pub(super) fn charge(&mut self, text: usize, mark: Mark) -> Result<(), YamlError> {
        self.add(Spent { nodes: 1, text }, mark)
    }

    /// Pays for another copy of something; to be called before making it.
    pub(super) fn charge_alias(&mut self, copy: Spent, mark: Mark) -> Result<(), YamlError> {
        self.aliased = self
            .aliased
            .saturating_add(copy.nodes.saturating_mul(NODE_WEIGHT))
            .saturating_add(copy.text);
        let limit = self.limits.alias_bytes;
        too_much(self.aliased, limit, "bytes from aliases", mark)?;
        self.add(copy, mark)
    }

    /// Checks how deep a value lies.
    pub(super) fn check_depth(&self, depth: usize, mark: Mark) -> Result<(), YamlError> {
        too_much(depth, self.limits.depth, "levels of nesting", mark)
    }

    fn add(&mut self, cost: Spent, mark: Mark) -> Result<(), YamlError> {
        self.spent.nodes = self.spent.nodes.saturating_add(cost.nodes);
        self.spent.text = self.spent.text.saturating_add(cost.text);
        too_much(self.spent.nodes, self.limits.nodes, "values", mark)
    }
}

impl Spent {
    /// What has been spent since `earlier`.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            nodes: self.nodes - earlier.nodes,
            text: self.text - earlier.text,
        }
    }
}

fn too_much(have: usize, limit: usize, what: &'static str, mark: Mark) -> Result<(), YamlError> {
    match have > limit {
        true => Err(mark.error(Problem::TooMuch { what, limit })),
        false => Ok(()),
    }
}
