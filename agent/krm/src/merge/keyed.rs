//! Merging two lists whose items are told apart by keys or by value.
//!
//! The plain case is simple: items of the patch first, in its order, then the rest. The rules behind it are
//! kyaml's, step by step, because lists with missing keys, shared keys or several keys come out in ways that
//! follow from those steps only.

use std::collections::BTreeSet;

use super::{
    MergeError, Merging, Outcome, Reading, Walk,
    element::{Cells, Name, is_blank, raw},
};
use crate::{Kind, Node, Pos, schema::Type};

/// What is laid over the list.
#[derive(Clone, Copy)]
pub(super) enum Source<'p> {
    /// Nothing: the patch does not mention the list.
    Nothing,
    /// The list itself: it came from the patch.
    Same,
    /// The patch's list.
    Other(&'p [Node]),
}

/// The lists at work.
struct Lists<'s> {
    walk: Walk<'s>,
    items: Option<Type<'s>>,
    cells: Cells,
    target: Vec<usize>,
    patch: Patch,
    /// The keys that some item has a value for; all, if none has.
    keys: Vec<&'s str>,
    used: Vec<usize>,
}

enum Patch {
    Nothing,
    Same,
    Other(Vec<usize>),
}

pub(super) fn merge<'s>(
    walk: Walk<'s>,
    target: &mut Vec<Node>,
    source: Source<'_>,
    list: &Merging<'s>,
) -> Result<(), MergeError> {
    if matches!(source, Source::Nothing) && is_regular(target, &list.keys) {
        return keep_each(walk, target, list);
    }
    let lists = Lists::new(walk, list, std::mem::take(target), source);
    *target = lists.run()?;
    Ok(())
}

/// True if each item has its own full set of keys: then a list that nothing is laid over stays as it is.
fn is_regular(items: &[Node], keys: &[&str]) -> bool {
    if keys.is_empty() {
        return false;
    }
    let mut seen = BTreeSet::new();
    items.iter().all(|item| {
        let name: Option<Vec<_>> = keys
            .iter()
            .map(|key| item.get(key).filter(|field| !field.is_null()).map(raw))
            .collect();
        name.is_some_and(|name| name.iter().all(|part| !part.is_empty()) && seen.insert(name))
    })
}

fn keep_each<'s>(walk: Walk<'s>, items: &mut [Node], list: &Merging<'s>) -> Result<(), MergeError> {
    for item in items {
        walk.keep(item, list.items)?;
    }
    Ok(())
}

impl<'s> Lists<'s> {
    fn new(walk: Walk<'s>, list: &Merging<'s>, target: Vec<Node>, source: Source<'_>) -> Self {
        let count = target.len();
        let mut cells = Cells(target);
        let patch = match source {
            Source::Nothing => Patch::Nothing,
            Source::Same => Patch::Same,
            Source::Other(items) => {
                Patch::Other(items.iter().map(|item| cells.add(item.clone())).collect())
            }
        };
        Self {
            walk,
            items: list.items,
            cells,
            target: (0..count).collect(),
            patch,
            keys: match list.keys.is_empty() {
                true => vec![""],
                false => list.keys.clone(),
            },
            used: Vec::new(),
        }
    }

    fn run(mut self) -> Result<Vec<Node>, MergeError> {
        let mut names = self.names();
        if self.keys.len() > 1 {
            complete(&mut names);
        }
        let any = |at: &usize| names.iter().any(|values| !values[*at].is_empty());
        self.used = (0..self.keys.len()).filter(any).collect();
        if self.used.is_empty() {
            self.used = (0..self.keys.len()).collect();
        }
        if names.is_empty() {
            return Ok(self.collect_target());
        }
        let mut result = Vec::with_capacity(names.len());
        for values in &names {
            self.item(values, &mut result)?;
        }
        self.append_target(&mut result)?;
        Ok(self.collect(result))
    }

    /// What the items of both lists are called, the patch's first, each once.
    fn names(&self) -> Vec<Vec<String>> {
        let patch: &[usize] = match &self.patch {
            Patch::Nothing => &[],
            Patch::Same => &self.target,
            Patch::Other(ids) => ids,
        };
        let mut seen = BTreeSet::new();
        let ids = patch.iter().chain(&self.target);
        ids.map(|id| self.name_of(&self.cells.0[*id]))
            .filter(|name| seen.insert(name.clone()))
            .collect()
    }

    fn name_of(&self, item: &Node) -> Vec<String> {
        let part = |key: &&str| match *key {
            "" => raw(item).to_owned(),
            key => item
                .get(key)
                .filter(|field| !field.is_null())
                .map(raw)
                .unwrap_or_default()
                .to_owned(),
        };
        self.keys.iter().map(part).collect()
    }

    /// Merges the items called `values` and puts the outcome into `result`.
    fn item(&mut self, values: &[String], result: &mut Vec<usize>) -> Result<(), MergeError> {
        let name = Name {
            keys: self.used.iter().map(|at| self.keys[*at]).collect(),
            values: self.used.iter().map(|at| values[*at].clone()).collect(),
        };
        let merged = self
            .merge_items(&name)
            .map_err(|error| error.within(&label(&name)))?;
        let Some(id) = merged.filter(|id| !is_blank(&self.cells.0[*id])) else {
            return self.cells.set(&mut self.target, None, &name);
        };
        self.complete_keys(id, &name)?;
        self.cells.set(result, Some(id), &name)
    }

    fn merge_items(&mut self, name: &Name<'_>) -> Result<Option<usize>, MergeError> {
        let filled = filled(name);
        let target = self.cells.find(&self.target, &filled);
        let patch = match &self.patch {
            Patch::Nothing => None,
            Patch::Same => target,
            Patch::Other(ids) => self.cells.find(ids, &filled),
        };
        let (walk, types) = (self.walk, self.items);
        let nodes = &mut self.cells.0;
        let outcome = match (target, patch) {
            (None, None) => return Ok(None),
            (Some(id), None) => walk.keep(&mut nodes[id], types)?,
            (None, Some(id)) => {
                let left = walk.settle(&mut nodes[id], types, Reading::Outer)?;
                return Ok(left.then_some(id));
            }
            (Some(id), Some(same)) if id == same => {
                let left = walk.settle(&mut nodes[id], types, Reading::Inner)?;
                return Ok(left.then_some(id));
            }
            (Some(id), Some(other)) => {
                let item = std::mem::replace(&mut nodes[other], Node::null(Pos::default()));
                let outcome = walk.both(&mut nodes[id], &item, types);
                nodes[other] = item;
                outcome?
            }
        };
        Ok(match outcome {
            Outcome::Kept => target,
            Outcome::New(node) => Some(self.cells.add(node)),
            Outcome::Gone => None,
        })
    }

    /// Writes the keys that an item was found by and does not have.
    fn complete_keys(&mut self, id: usize, name: &Name<'_>) -> Result<(), MergeError> {
        let node = &mut self.cells.0[id];
        let pos = node.pos;
        for (key, value) in name.keys.iter().zip(&name.values) {
            if value.is_empty() || node.get(key).is_some() {
                continue;
            }
            match (&mut node.kind, *key) {
                (Kind::Scalar(_), "") => {}
                (Kind::Map(map), key) if !key.is_empty() => {
                    map.push(key, Node::untagged(value.clone(), pos));
                }
                _ => return Err(MergeError::item(node, &name.keys)),
            }
        }
        Ok(())
    }

    /// Lays the target's items over the result: those in it already take their place there, the rest follow.
    fn append_target(&mut self, result: &mut Vec<usize>) -> Result<(), MergeError> {
        let keys: Vec<_> = self.used.iter().map(|at| self.keys[*at]).collect();
        for id in self.target.clone() {
            let node = &self.cells.0[id];
            let mut values = Vec::with_capacity(keys.len());
            for key in &keys {
                match (&node.kind, *key) {
                    (_, "") => values.push(raw(node).to_owned()),
                    (Kind::Map(map), key) => match map.get(key) {
                        Some(field) => values.push(raw(field).to_owned()),
                        None => result.push(id),
                    },
                    _ if node.is_null() => result.push(id),
                    _ => return Err(MergeError::item(node, &keys)),
                }
            }
            let keys = keys.clone();
            let name = Name { keys, values };
            if name.keys.len() > 1 {
                self.cells.set(result, None, &name)?;
            }
            self.cells.set(result, Some(id), &name)?;
        }
        Ok(())
    }

    fn collect_target(mut self) -> Vec<Node> {
        let target = std::mem::take(&mut self.target);
        self.collect(target)
    }

    /// The items behind the numbers; an item may stand in a list twice.
    fn collect(self, ids: Vec<usize>) -> Vec<Node> {
        let mut nodes = self.cells.0;
        let mut seen = BTreeSet::new();
        if !ids.iter().all(|id| seen.insert(*id)) {
            return ids.into_iter().map(|id| nodes[id].clone()).collect();
        }
        let mut take = |id: usize| std::mem::replace(&mut nodes[id], Node::null(Pos::default()));
        ids.into_iter().map(&mut take).collect()
    }
}

/// The same name without the keys that have no value, unless none has.
fn filled<'k>(name: &Name<'k>) -> Name<'k> {
    let pairs = name.keys.iter().zip(&name.values);
    let (keys, values): (Vec<_>, Vec<_>) = pairs
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| (*key, value.clone()))
        .unzip();
    match keys.is_empty() {
        true => name.clone(),
        false => Name { keys, values },
    }
}

/// Lets names that differ only where one has no value be the same name.
fn complete(names: &mut [Vec<String>]) {
    for i in 0..names.len() {
        for j in 0..names.len() {
            if let Some(both) = join(&names[i], &names[j]) {
                names[i].clone_from(&both);
                names[j] = both;
            }
        }
    }
}

fn join(a: &[String], b: &[String]) -> Option<Vec<String>> {
    let mut common = false;
    let mut both = Vec::with_capacity(a.len());
    for (a, b) in a.iter().zip(b) {
        if a != b && !a.is_empty() && !b.is_empty() {
            return None;
        }
        common |= a == b;
        both.push(if a.is_empty() { b.clone() } else { a.clone() });
    }
    common.then_some(both)
}

fn label(name: &Name<'_>) -> String {
    let pairs = name.keys.iter().zip(&name.values);
    let pairs: Vec<_> = pairs.map(|(key, value)| format!("{key}={value}")).collect();
    format!("[{}]", pairs.join(","))
}
