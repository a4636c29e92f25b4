//! Finding and setting items of a list by key, with kyaml's exact notion of "the same item".
//!
//! Items live in one table of cells and lists are lists of cell numbers, because the rules speak of the *same*
//! item in two lists: what is changed in one place is changed in the other.

use super::MergeError;
use crate::{Kind, Node};

/// The items of all lists at hand.
pub(super) struct Cells(pub Vec<Node>);

/// What an item is looked up by: key names with their values. An empty name means the item's own value.
#[derive(Clone)]
pub(super) struct Name<'k> {
    pub keys: Vec<&'k str>,
    pub values: Vec<String>,
}

impl Cells {
    pub(super) fn add(&mut self, node: Node) -> usize {
        self.0.push(node);
        self.0.len() - 1
    }

    /// The first item of `list` that has exactly these values.
    pub(super) fn find(&self, list: &[usize], name: &Name<'_>) -> Option<usize> {
        list.iter().copied().find(|id| {
            let item = &self.0[*id];
            if name.keys.first().is_none_or(|key| key.is_empty()) {
                return raw(item) == name.values[0];
            }
            let mut pairs = name.keys.iter().zip(&name.values);
            pairs.all(|(key, value)| item.get(key).is_some_and(|field| raw(field) == value))
        })
    }

    /// Puts `item` in the place of every item of that name, at the end if there is none; without an item, takes
    /// them out. Empty items go in passing. A name with too few values matches by those it has, and one
    /// without any matches nothing and keeps nothing.
    pub(super) fn set(
        &self,
        list: &mut Vec<usize>,
        item: Option<usize>,
        name: &Name<'_>,
    ) -> Result<(), MergeError> {
        let by_map = first_is_set(&name.keys) && first_is_set(&name.values);
        let mut result = Vec::with_capacity(list.len() + 1);
        let mut found = false;
        for id in list.drain(..) {
            let node = &self.0[id];
            if is_blank(node) {
                continue;
            }
            if by_map && node.as_map().is_none() {
                result.push(id);
            } else if matches(node, name)? {
                found = true;
                result.extend(item);
            } else if !name.values.is_empty() {
                result.push(id);
            }
        }
        *list = result;
        if !found {
            list.extend(item.filter(|id| !self.0[*id].is_null()));
        }
        Ok(())
    }
}

fn matches(node: &Node, name: &Name<'_>) -> Result<bool, MergeError> {
    if name.values.is_empty() {
        return Ok(false);
    }
    for (key, value) in name.keys.iter().zip(&name.values) {
        let same = match (&node.kind, *key) {
            (Kind::Scalar(scalar), "") => scalar.text == *value,
            (Kind::Map(map), key) if !key.is_empty() => map
                .get(key)
                .is_some_and(|field| value.is_empty() || raw(field) == value),
            _ => return Err(MergeError::item(node, &name.keys)),
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// True for null and for a map without fields.
pub(super) fn is_blank(node: &Node) -> bool {
    node.is_null() || node.as_map().is_some_and(crate::Map::is_empty)
}

/// A scalar's text whatever its tag; nothing for maps and lists.
pub(super) fn raw(node: &Node) -> &str {
    node.text().unwrap_or_default()
}

fn first_is_set(words: &[impl AsRef<str>]) -> bool {
    words.first().is_some_and(|word| !word.as_ref().is_empty())
}
