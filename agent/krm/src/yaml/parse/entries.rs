//! The entries of one map: unique string keys, merges applied.

use std::collections::BTreeMap;

use super::value::{Key, Value};
use crate::yaml::cursor::Mark;
use crate::yaml::error::{Problem, YamlError};
use crate::yaml::number::{self, Int, Number};
use crate::yaml::resolve::{self, Rules};
use crate::{Kind, Map, Node, Tag};

/// From how many keys on an index pays.
const MANY: usize = 24;

/// A map that is being read.
#[derive(Default)]
pub(super) struct Entries {
    map: Map,
    /// The line of each key.
    lines: Vec<u32>,
    /// Where each key past the first [`MANY`] is.
    index: BTreeMap<String, usize>,
    merges: Vec<Node>,
    merge_line: Option<u32>,
}

impl Entries {
    /// Adds an entry whose key starts at `mark`.
    pub(super) fn add(
        &mut self,
        key: Value,
        value: Value,
        mark: Mark,
        rules: Rules,
    ) -> Result<(), YamlError> {
        if key.key == Key::Merge {
            return self.merge(value, mark);
        }
        let name = name(key, rules).ok_or_else(|| mark.error(Problem::KeyNotString))?;
        match self.position(&name) {
            Some(at) => Err(duplicate(mark, self.lines[at])),
            None => {
                self.lines.push(mark.line);
                self.push(name, value.node);
                Ok(())
            }
        }
    }

    /// The map. Its own keys win over merged ones, and among those the first.
    pub(super) fn into_map(mut self) -> Map {
        for merged in std::mem::take(&mut self.merges) {
            let Kind::Map(merged) = merged.kind else {
                continue;
            };
            for entry in merged {
                if self.position(&entry.key).is_none() {
                    self.push(entry.key, entry.value);
                }
            }
        }
        self.map
    }

    fn push(&mut self, name: String, value: Node) {
        if self.map.len() >= MANY {
            self.index.insert(name.clone(), self.map.len());
        }
        self.map.push(name, value);
    }

    fn position(&self, name: &str) -> Option<usize> {
        let mut early = self.map.iter().take(MANY);
        early
            .position(|entry| entry.key == name)
            .or_else(|| self.index.get(name).copied())
    }

    fn merge(&mut self, value: Value, mark: Mark) -> Result<(), YamlError> {
        if let Some(first) = self.merge_line {
            return Err(duplicate(mark, first));
        }
        self.merge_line = Some(mark.line);
        match value.node.kind {
            Kind::Map(_) => self.merges.push(value.node),
            Kind::Seq(maps) if !value.aliased && maps.iter().all(|map| map.as_map().is_some()) => {
                self.merges = maps;
            }
            _ => return Err(mark.error(Problem::MergeNotMap)),
        }
        Ok(())
    }
}

fn duplicate(mark: Mark, first: u32) -> YamlError {
    mark.error(Problem::DuplicateKey { first: first + 1 })
}

/// The key's text. Version 2 turns numbers and booleans into strings, version 3 refuses them.
fn name(key: Value, rules: Rules) -> Option<String> {
    let Kind::Scalar(scalar) = key.node.kind else {
        return None;
    };
    if key.key == Key::String {
        return Some(scalar.text);
    }
    if rules == Rules::V3 {
        return None;
    }
    match scalar.tag {
        Tag::Str | Tag::Timestamp | Tag::Binary => Some(scalar.text),
        Tag::Bool => resolve::parse_bool(&scalar.text, rules).map(|value| value.to_string()),
        Tag::Int | Tag::Float => match resolve::parse_number(&scalar.text, rules)? {
            Number::Int(Int::Signed(value)) => Some(value.to_string()),
            Number::Int(Int::Unsigned(value)) => Some(value.to_string()),
            Number::Float(value) => {
                let mut text = String::new();
                number::format_g(value, &mut text);
                Some(text)
            }
        },
        Tag::Null => None,
    }
}
