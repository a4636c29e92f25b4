//! One entry of `images:`: which of its values change, and the splices that change them.

use granit_parser::ScalarStyle;

use super::layout::{self, Splice};
use super::reference::Request;
use super::scalar::{reads_as_text, written};
use super::spans::{Kind, Node, Pair};

/// The keys of an entry that a request may set.
const KEYS: [&str; 3] = ["newName", "newTag", "digest"];

/// What happens to the keys of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change<'a> {
    /// Keys and their new values, in the order of [`KEYS`].
    pub(super) set: Vec<(&'static str, &'a str)>,
    /// Keys that go.
    pub(super) remove: Vec<&'static str>,
}

/// The change that `request` asks for. A tag alone takes the place of a digest and the other way round, because
/// kustomize would otherwise keep the digest.
pub(super) fn change(request: &Request) -> Change<'_> {
    let wanted = [&request.new_name, &request.tag, &request.digest];
    let set = KEYS
        .into_iter()
        .zip(wanted)
        .filter_map(|(key, value)| Some((key, value.as_deref()?)))
        .collect();
    let remove = match (&request.tag, &request.digest) {
        (Some(_), None) => vec!["digest"],
        (None, Some(_)) => vec!["newTag"],
        _ => Vec::new(),
    };
    Change { set, remove }
}

/// The splices that make `change` in `entry`, which is a map with a `name`.
pub(super) fn splices(text: &str, entry: &Node, name: &Pair, change: &Change<'_>) -> Vec<Splice> {
    let mut going: Vec<&Pair> = change
        .remove
        .iter()
        .filter_map(|key| entry.pair(key))
        .collect();
    let mut splices = Vec::new();
    let mut added = Vec::new();
    for (key, value) in &change.set {
        if let Some(pair) = entry.pair(key) {
            splices.extend(revalue(pair, value));
        } else if let Some(pair) = going.pop() {
            splices.push(rekey(text, pair, key));
            splices.extend(revalue(pair, value));
        } else {
            added.push((*key, *value));
        }
    }
    splices.extend(going.iter().map(|pair| removal(text, entry, pair)));
    if !added.is_empty() {
        splices.push(addition(text, entry, name, &added));
    }
    splices
}

/// The lines of a new block entry: `- name: X` and below it what is set.
pub(super) fn lines(request: &Request, indent: &str, gap: &str) -> Vec<String> {
    let mut lines = vec![format!("{indent}-{gap}name: {}", plain(&request.name))];
    let change = change(request);
    lines.extend(
        change
            .set
            .iter()
            .map(|(key, value)| format!("{indent} {gap}{key}: {}", plain(value))),
    );
    lines
}

/// A new entry in braces.
pub(super) fn braces(request: &Request, quoted: bool) -> String {
    let change = change(request);
    let pairs: Vec<String> = std::iter::once(("name", request.name.as_str()))
        .chain(change.set)
        .map(|(key, value)| flow_pair(key, value, quoted))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

fn plain(value: &str) -> String {
    written(value, ScalarStyle::Plain)
}

fn flow_pair(key: &str, value: &str, quoted: bool) -> String {
    match quoted {
        true => format!("\"{key}\": \"{value}\""),
        false => format!("{key}: {}", plain(value)),
    }
}

/// Another value for `pair`; nothing if it is that value already, and text to every reader.
fn revalue(pair: &Pair, value: &str) -> Option<Splice> {
    let style = match &pair.value.kind {
        Kind::Scalar { text, style } => {
            let sound = *style != ScalarStyle::Plain || reads_as_text(value);
            if text == value && sound {
                return None;
            }
            *style
        }
        _ => ScalarStyle::Plain,
    };
    let mut new = written(value, style);
    if pair.value.span.is_empty() {
        new.insert(0, ' ');
        let at = pair.key.span.end + 1;
        return Some(Splice::insert(at, new));
    }
    Some(Splice::replace(pair.value.span.clone(), new))
}

/// Another key for `pair`, quoted as the old one.
fn rekey(text: &str, pair: &Pair, key: &str) -> Splice {
    let old = &text[pair.key.span.clone()];
    let new = match old.chars().next() {
        Some(quote @ ('"' | '\'')) => format!("{quote}{key}{quote}"),
        _ => key.to_owned(),
    };
    Splice::replace(pair.key.span.clone(), new)
}

/// Takes `pair` out: its line, or its part of the line.
fn removal(text: &str, entry: &Node, pair: &Pair) -> Splice {
    let pairs = entry.pairs();
    let start = pair.key.span.start;
    let index = pairs.iter().position(|other| other.key.span.start == start);
    let next = index.and_then(|index| pairs.get(index + 1));
    let line = layout::line_start(text, start);
    let alone = text[line..start].trim().is_empty();
    let flow = matches!(entry.kind, Kind::Map { flow: true, .. });
    match (flow || !alone, next, index) {
        (false, ..) => Splice::replace(line..layout::next_line(text, pair.value.span.end), ""),
        (true, Some(next), _) => Splice::replace(start..next.key.span.start, ""),
        (true, None, Some(index)) if index > 0 => {
            Splice::replace(pairs[index - 1].value.span.end..pair.value.span.end, "")
        }
        (true, None, _) => Splice::replace(start..pair.value.span.end, ""),
    }
}

/// Puts keys after the `name`.
fn addition(text: &str, entry: &Node, name: &Pair, added: &[(&str, &str)]) -> Splice {
    let at = name.value.span.end;
    if matches!(entry.kind, Kind::Map { flow: true, .. }) {
        let quoted = text[name.key.span.clone()].starts_with('"');
        let pairs: Vec<String> = added
            .iter()
            .map(|(key, value)| format!(", {}", flow_pair(key, value, quoted)))
            .collect();
        return Splice::insert(at, pairs.concat());
    }
    let column = text[layout::line_start(text, name.key.span.start)..name.key.span.start]
        .chars()
        .count();
    let lines: Vec<String> = added
        .iter()
        .map(|(key, value)| format!("{:column$}{key}: {}", "", plain(value)))
        .collect();
    layout::insert_lines(text, layout::next_line(text, at), &lines)
}
