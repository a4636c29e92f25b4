//! The same YAML written otherwise: comments, byte order mark, line ends, lists, flow style, other indentation.

use std::fmt::Write as _;

use krm::{Kind, Node, SourceId, Style, Tag, yaml};

use super::{dice::Dice, objects::indent};

/// What kind of file is respelled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Kustomization,
    Objects,
    /// Patches, configuration.
    Yaml,
    /// Files that a generator takes up.
    Text,
    /// What must stay as it is.
    Exact,
}

impl Sort {
    /// By the names that the generator gives.
    pub(super) fn of(name: &str) -> Self {
        match name.rsplit_once('.') {
            _ if name.starts_with("schema.") || name.starts_with("crd.") => Self::Exact,
            Some((start, "yaml")) if start.starts_with("file") => Self::Objects,
            Some((_, "yaml")) => Self::Yaml,
            _ => Self::Text,
        }
    }
}

/// `text` as it is, or as another hand would have written it.
pub(super) fn respell(dice: &mut Dice, sort: Sort, text: String) -> String {
    let mut text = text;
    match sort {
        Sort::Exact => return text,
        Sort::Text => {
            return match dice.chance(5) {
                true => text.replace('\n', "\r\n"),
                false => text,
            };
        }
        _ => {}
    }
    if sort == Sort::Objects && dice.chance(6) {
        text = list(dice, &text);
    }
    if sort != Sort::Kustomization && dice.chance(8) {
        text = printed(dice, &text).unwrap_or(text);
    }
    if dice.chance(6) {
        text = commented(dice, &text);
    }
    if dice.chance(4) {
        text = text.replace('\n', "\r\n");
    }
    if dice.chance(3) {
        text.insert(0, '\u{feff}');
    }
    match dice.below(40) {
        0 => format!("---\n{text}"),
        1 => format!("{text}---\n"),
        2 => format!("{text}\n\n"),
        3 => text.trim_end().to_owned(),
        4 => format!("# head\n\n{text}"),
        _ => text,
    }
}

/// All documents as the items of a list.
fn list(dice: &mut Dice, text: &str) -> String {
    let kind = dice.pick(&["List", "List", "ConfigMapList"]);
    let items = text.split("---\n").map(|document| {
        let body = indent(document, 2);
        format!("- {}", body.strip_prefix("  ").unwrap_or(&body))
    });
    let items: String = items.collect();
    format!("apiVersion: v1\nkind: {kind}\nitems:\n{items}")
}

/// Comments above lines and behind them.
fn commented(dice: &mut Dice, text: &str) -> String {
    let mut all = String::new();
    for (at, line) in text.lines().enumerate() {
        let body = line.trim_start();
        if dice.chance(10) && !body.is_empty() {
            writeln!(all, "{}# above {at}", &line[..line.len() - body.len()])
                .expect("a string can be written");
        }
        all += line;
        let ends_plainly = line.ends_with(|end: char| end.is_ascii_alphanumeric() || end == ':');
        if dice.chance(10) && ends_plainly {
            write!(all, " # behind {at}").expect("a string can be written");
        }
        all.push('\n');
    }
    all
}

/// The text without what [`commented`] puts in.
pub(super) fn uncommented(text: &str) -> String {
    let is_number = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    let is_above = |line: &str| {
        line.trim_start()
            .strip_prefix("# above ")
            .is_some_and(is_number)
    };
    let lines = text.split('\n').filter(|line| !is_above(line));
    let lines = lines.map(|line| match line.rsplit_once(" # behind ") {
        Some((before, rest)) if is_number(rest) => before,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Read and printed anew: other quotes, other indentation, flow style here and there.
fn printed(dice: &mut Dice, text: &str) -> Option<String> {
    let documents = yaml::read(
        text.as_bytes(),
        SourceId::default(),
        &yaml::Limits::default(),
    )
    .ok()?;
    let hand = Hand {
        step: dice.between(1, 4),
        lists_are_deeper: dice.chance(50),
        flow_percent: *dice.pick(&[0, 10, 100]),
        quote_percent: *dice.pick(&[0, 20, 100]),
    };
    Some(hand.documents(dice, &documents))
}

/// A JSON text in block style.
pub(super) fn block(dice: &mut Dice, json: &str) -> String {
    let limits = yaml::Limits::default();
    let documents = yaml::read(json.as_bytes(), SourceId::default(), &limits);
    let hand = Hand {
        step: 2,
        lists_are_deeper: false,
        flow_percent: 0,
        quote_percent: 0,
    };
    hand.documents(dice, &documents.expect("JSON is YAML"))
}

/// How somebody writes.
struct Hand {
    step: usize,
    lists_are_deeper: bool,
    flow_percent: usize,
    quote_percent: usize,
}

impl Hand {
    fn documents(&self, dice: &mut Dice, documents: &[Node]) -> String {
        let mut all = Vec::new();
        for document in documents {
            let mut text = String::new();
            self.value(dice, document, 0, &mut text);
            all.push(text.trim_start().to_owned());
        }
        all.join("---\n")
    }

    /// What follows a key's colon or the start of a document.
    fn value(&self, dice: &mut Dice, node: &Node, column: usize, out: &mut String) {
        let is_empty = match &node.kind {
            Kind::Scalar(_) => true,
            Kind::Seq(items) => items.is_empty(),
            Kind::Map(map) => map.iter().next().is_none(),
        };
        if is_empty || dice.chance(self.flow_percent) {
            out.push(' ');
            self.flow(dice, node, out);
            out.push('\n');
            return;
        }
        out.push('\n');
        let pad = " ".repeat(column);
        match &node.kind {
            Kind::Scalar(_) => {}
            Kind::Seq(items) => {
                for item in items {
                    let mut text = String::new();
                    self.value(dice, item, column + 2, &mut text);
                    write!(out, "{pad}- {}", text.trim_start()).expect("a string can be written");
                }
            }
            Kind::Map(map) => {
                for entry in map {
                    let deeper = self.lists_are_deeper || entry.value.as_seq().is_none();
                    let below = if deeper { column + self.step } else { column };
                    write!(out, "{pad}{}:", self.key(dice, &entry.key))
                        .expect("a string can be written");
                    self.value(dice, &entry.value, below, out);
                }
            }
        }
    }

    fn flow(&self, dice: &mut Dice, node: &Node, out: &mut String) {
        match &node.kind {
            Kind::Scalar(scalar) => *out += &self.scalar(dice, scalar),
            Kind::Seq(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    *out += if at == 0 { "" } else { ", " };
                    self.flow(dice, item, out);
                }
                out.push(']');
            }
            Kind::Map(map) => {
                out.push('{');
                for (at, entry) in map.iter().enumerate() {
                    *out += if at == 0 { "" } else { ", " };
                    *out += &self.key(dice, &entry.key);
                    *out += ": ";
                    self.flow(dice, &entry.value, out);
                }
                out.push('}');
            }
        }
    }

    fn key(&self, dice: &mut Dice, key: &str) -> String {
        let is_plain = yaml::plain_tag(key) == Tag::Str
            && key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "./-_$".contains(c));
        match is_plain && !dice.chance(self.quote_percent / 2) {
            true => key.to_owned(),
            false => quoted(key),
        }
    }

    fn scalar(&self, dice: &mut Dice, scalar: &krm::Scalar) -> String {
        let text = &scalar.text;
        let is_word = text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "./-_".contains(c));
        match scalar.tag {
            Tag::Str if scalar.style == Style::Plain && is_word => {
                match dice.chance(self.quote_percent) {
                    true => quoted(text),
                    false => text.clone(),
                }
            }
            Tag::Str => match dice.chance(50) && !text.contains(|c: char| c.is_control()) {
                true => format!("'{}'", text.replace('\'', "''")),
                false => quoted(text),
            },
            _ if text.is_empty() => "null".to_owned(),
            _ => text.clone(),
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
