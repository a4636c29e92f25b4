//! From the nodes of a settings file to typed values: all problems at once, each with its line.
//!
//! Two tempers, as kustomize has: a kustomization file is strict (an unknown field or a number where text
//! belongs is an error), the configuration of a built-in transformer is lenient. Names of fields match without
//! regard to case, as they do in Go.

use krm::{Kind, Node, Pos, Scalar, Tag, json};

use crate::{
    problem::{Gather, Outcome, Problem},
    text::{Pairs, Text},
};

/// How to take what does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Temper {
    /// Unknown fields and numbers for text are errors.
    Strict,
    /// Unknown fields are passed over, numbers and booleans become text.
    Lenient,
}

/// Reads values and gathers what is wrong with them.
pub(crate) struct Decoder {
    temper: Temper,
    gather: Gather,
}

/// The known fields of one map; null counts as absent.
pub(crate) struct Fields<'n> {
    found: Vec<(&'static str, &'n Node)>,
}

impl<'n> Fields<'n> {
    pub(crate) fn get(&self, name: &str) -> Option<&'n Node> {
        self.found
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, node)| *node)
    }
}

impl Decoder {
    pub(crate) fn new(temper: Temper) -> Self {
        Self {
            temper,
            gather: Gather::default(),
        }
    }

    /// `value` if nothing was wrong.
    pub(crate) fn finish<T>(self, value: T) -> Outcome<T> {
        self.gather.finish(value)
    }

    pub(crate) fn problem(&mut self, problem: Problem) {
        self.gather.add(problem);
    }

    /// The fields of `node` under their proper names.
    pub(crate) fn fields<'n>(&mut self, node: &'n Node, known: &[&'static str]) -> Fields<'n> {
        let mut found: Vec<(&'static str, &'n Node)> = Vec::new();
        let Some(map) = node.as_map() else {
            if !node.is_null() {
                self.shape(node, "a map");
            }
            return Fields { found };
        };
        for entry in map {
            let Some(name) = find_name(&entry.key, known) else {
                if self.temper == Temper::Strict {
                    self.gather
                        .add(unknown_field(&entry.key, entry.value.pos, known));
                }
                continue;
            };
            if entry.value.is_null() {
                continue;
            }
            // Of two spellings, the later one counts.
            found.retain(|(other, _)| *other != name);
            found.push((name, &entry.value));
        }
        Fields { found }
    }

    pub(crate) fn text(&mut self, node: Option<&Node>) -> Option<Text> {
        let node = node?;
        let Kind::Scalar(scalar) = &node.kind else {
            self.shape(node, "text");
            return None;
        };
        let value = match scalar.tag {
            Tag::Str | Tag::Timestamp => scalar.text.clone(),
            Tag::Binary => {
                let Ok(serde_json::Value::String(text)) = json::to_value(node) else {
                    self.shape(node, "base64 text");
                    return None;
                };
                text
            }
            Tag::Null => return None,
            _ if self.temper == Temper::Strict => {
                let found = name_of(scalar);
                let problem = Problem::at(node.pos, format!("text is needed here, not {found}"))
                    .hint("put the value in quotes");
                self.gather.add(problem);
                return None;
            }
            _ => number_text(node),
        };
        Some(Text {
            value,
            pos: node.pos,
            style: scalar.style,
        })
    }

    /// As [`Decoder::text`], with nothing for the empty text.
    pub(crate) fn filled(&mut self, node: Option<&Node>) -> Option<Text> {
        self.text(node).filter(|text| !text.value.is_empty())
    }

    /// The text alone; empty if absent.
    pub(crate) fn string(&mut self, node: Option<&Node>) -> String {
        self.text(node).map(|text| text.value).unwrap_or_default()
    }

    pub(crate) fn flag(&mut self, node: Option<&Node>) -> bool {
        let Some(node) = node else { return false };
        let value = json::to_value(node).ok().and_then(|value| value.as_bool());
        value.unwrap_or_else(|| {
            self.shape(node, "true or false");
            false
        })
    }

    pub(crate) fn integer(&mut self, node: Option<&Node>) -> i64 {
        let Some(node) = node else { return 0 };
        let number = json::to_value(node).ok().and_then(|value| value.as_i64());
        number.unwrap_or_else(|| {
            self.shape(node, "a whole number");
            0
        })
    }

    /// Each item of a list by `item`.
    pub(crate) fn list<T>(
        &mut self,
        node: Option<&Node>,
        mut item: impl FnMut(&mut Self, &Node) -> T,
    ) -> Vec<T> {
        let Some(node) = node else { return Vec::new() };
        let Some(items) = node.as_seq() else {
            self.shape(node, "a list");
            return Vec::new();
        };
        items.iter().map(|node| item(self, node)).collect()
    }

    /// A list of texts; a null in it is the empty text, as in Go.
    pub(crate) fn texts(&mut self, node: Option<&Node>) -> Vec<Text> {
        let items = self.list(node, Self::text_or_empty);
        items.into_iter().flatten().collect()
    }

    pub(crate) fn pairs(&mut self, node: Option<&Node>) -> Pairs {
        let Some(node) = node else {
            return Pairs::new();
        };
        let Some(map) = node.as_map() else {
            self.shape(node, "a map");
            return Pairs::new();
        };
        let mut pairs = Pairs::new();
        for entry in map {
            let text = self.text_or_empty(&entry.value);
            if let Some(text) = text {
                pairs.insert(entry.key.clone(), text);
            }
        }
        pairs
    }

    fn text_or_empty(&mut self, node: &Node) -> Option<Text> {
        if !node.is_null() {
            return self.text(Some(node));
        }
        Some(Text {
            value: String::new(),
            pos: node.pos,
            style: krm::Style::Plain,
        })
    }

    /// That `node` has another shape than the one needed.
    pub(crate) fn shape(&mut self, node: &Node, needed: &str) {
        let found = match &node.kind {
            Kind::Map(_) => "a map",
            Kind::Seq(_) => "a list",
            Kind::Scalar(scalar) => name_of(scalar),
        };
        let text = format!("{needed} is needed here, not {found}");
        self.gather.add(Problem::at(node.pos, text));
    }
}

fn find_name(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let exact = known.iter().find(|name| **name == key);
    exact
        .or_else(|| known.iter().find(|name| name.eq_ignore_ascii_case(key)))
        .copied()
}

fn unknown_field(key: &str, pos: Pos, known: &[&'static str]) -> Problem {
    let problem = Problem::at(pos, format!("unknown field `{key}`"));
    match nearest(key, known) {
        Some(name) => problem.hint(format!("did you mean `{name}`?")),
        None => problem.hint(format!("known fields: {}", known.join(", "))),
    }
}

/// The known name that is near enough to be meant.
fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let key = key.to_lowercase();
    let distance = |name: &&&'static str| edit_distance(&key, &name.to_lowercase());
    known
        .iter()
        .min_by_key(distance)
        .filter(|name| distance(name) <= 1 + key.len() / 3)
        .copied()
}

/// How many letters to insert, delete or change.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = changed.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

fn name_of(scalar: &Scalar) -> &'static str {
    match scalar.tag {
        Tag::Null => "null",
        Tag::Bool => "true or false",
        Tag::Int | Tag::Float => "a number",
        Tag::Str | Tag::Timestamp | Tag::Binary => "text",
    }
}

fn number_text(node: &Node) -> String {
    match json::to_value(node) {
        Ok(value) => json::go_text(&value),
        Err(_) => node.text().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_name_that_was_meant() {
        let known = ["namePrefix", "nameSuffix", "resources"];
        assert_eq!(nearest("namPrefx", &known), Some("namePrefix"));
        assert_eq!(nearest("resource", &known), Some("resources"));
        assert_eq!(nearest("whatever", &known), None);
    }

    #[test]
    fn counts_edits() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("abc", "abc"), 0);
    }
}
