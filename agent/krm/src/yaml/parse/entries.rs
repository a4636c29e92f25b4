//! The entries of one map: unique string keys, merges applied.

use std::collections::BTreeMap;

use super::Layout;
use super::value::{Key, Value};
use crate::yaml::cursor::Mark;
use crate::yaml::error::{Problem, YamlError};
use crate::yaml::number::{self, Int, Number};
use crate::yaml::resolve::{self, Rules};
use crate::{Kind, Map, Node, Scalar, Tag};

/// From how many keys on an index pays.
const MANY: usize = 24;

/// A map that is being read.
pub(super) struct Entries {
    rules: Rules,
    layout: Layout,
    /// It is the whole document.
    root: bool,
    map: Map,
    /// The line of each key.
    lines: Vec<u32>,
    /// Where each key past the first [`MANY`] is.
    index: BTreeMap<String, usize>,
    merges: Vec<Node>,
    merge_line: Option<u32>,
}

impl Entries {
    pub(super) fn new((rules, layout): (Rules, Layout), root: bool) -> Self {
        Self {
            rules,
            layout,
            root,
            map: Map::new(),
            lines: Vec::new(),
            index: BTreeMap::new(),
            merges: Vec::new(),
            merge_line: None,
        }
    }

    /// Adds an entry whose key starts at `mark`.
    pub(super) fn add(
        &mut self,
        key: Value,
        mut value: Value,
        mark: Mark,
    ) -> Result<(), YamlError> {
        if key.key == Key::Merge {
            return self.merge(value, mark);
        }
        let typed = self.rules == Rules::V3 && !self.root && key.key == Key::Other;
        let style = key.node.as_scalar().map(|scalar| scalar.style);
        let name = self
            .name(key)
            .ok_or_else(|| mark.error(Problem::KeyNotString))?;
        if typed {
            value.node.note.get_or_insert_default().typed_key = true;
        }
        if let (Layout::Kept, Some(style)) = (self.layout, style) {
            let note = value.node.note.get_or_insert_default();
            note.key_style = style;
            note.remarks.place = Some((mark.line, mark.column));
        }
        if name == "<<" && self.rules == Rules::V3 {
            return Err(mark.error(Problem::LostKey));
        }
        if let Some(at) = self.position(&name) {
            return self.again(at, value, mark);
        }
        self.lines.push(mark.line);
        self.push(name, value.node);
        Ok(())
    }

    /// A key that is there already: an error, except in settings, where the later one counts.
    fn again(&mut self, at: usize, value: Value, mark: Mark) -> Result<(), YamlError> {
        match (self.rules, self.map.iter_mut().nth(at)) {
            (Rules::V2, Some(entry)) => entry.value = value.node,
            _ => return Err(duplicate(mark, self.lines[at])),
        }
        Ok(())
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

    /// The key's text. Version 3 wants strings, except at the top, but only says so when it prints; version 2 turns
    /// numbers and booleans into strings.
    fn name(&self, key: Value) -> Option<String> {
        let Kind::Scalar(scalar) = key.node.kind else {
            return None;
        };
        match scalar.tag {
            _ if key.key == Key::String => Some(scalar.text),
            _ if self.rules == Rules::V3 && !self.root => Some(scalar.text),
            Tag::Null | Tag::Binary => None,
            _ if self.rules == Rules::V2 => version_2_name(scalar),
            _ => Some(scalar.text),
        }
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

fn version_2_name(scalar: Scalar) -> Option<String> {
    match scalar.tag {
        Tag::Bool => resolve::parse_bool(&scalar.text, Rules::V2).map(|value| value.to_string()),
        Tag::Int | Tag::Float => match resolve::parse_number(&scalar.text, Rules::V2)? {
            Number::Int(Int::Signed(value)) => Some(value.to_string()),
            Number::Int(Int::Unsigned(value)) => Some(value.to_string()),
            Number::Float(value) => {
                let mut text = String::new();
                number::format_g(value, &mut text);
                Some(text)
            }
        },
        _ => Some(scalar.text),
    }
}
