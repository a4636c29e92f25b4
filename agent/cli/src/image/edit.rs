//! The edit of a kustomization's text.
//!
//! Every edit is checked: the new text is read again, and has to mean exactly what the old one meant with the wanted
//! values in it. A layout that cannot be edited safely is refused, never guessed at.

use serde_json::{Map, Value};

use super::entry;
use super::layout::{self, Splice};
use super::reference::Request;
use super::spans::{Document, Kind, Node, Pair, SpanError};
use crate::error::Explain;

/// An edited text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edited {
    /// The new text.
    pub(crate) text: String,
    /// Images that had no entry and got one.
    pub(crate) added: Vec<String>,
}

/// Why a text is not edited.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum EditError {
    /// Not a YAML document.
    #[error("the kustomization cannot be read")]
    Yaml(#[from] SpanError),
    /// Not a kustomization.
    #[error("line {line}: {what}")]
    Shape {
        /// From 1.
        line: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// Two entries of one name.
    #[error("image `{name}` has two entries, in lines {first} and {second}")]
    Twice {
        /// Which.
        name: String,
        /// Line of the first.
        first: usize,
        /// Line of the second.
        second: usize,
    },
    /// The value stands for others, too.
    #[error("line {line}: the entry of image `{name}` has an anchor that is used elsewhere")]
    Shared {
        /// Which.
        name: String,
        /// Where.
        line: usize,
    },
    /// The result would mean something else.
    #[error("the layout around image `{0}` cannot be edited without changing something else")]
    Unsafe(String),
}

impl Explain for EditError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Yaml(_) | Self::Shape { .. } => None,
            Self::Twice { .. } => Some("leave one of them".to_owned()),
            Self::Shared { .. } | Self::Unsafe(_) => Some(
                "write the entry as `- name: …` and `newTag: …` on lines of their own".to_owned(),
            ),
        }
    }
}

/// `text` with everything in `requests` set, and nothing else changed.
pub(crate) fn edit(text: &str, requests: &[Request]) -> Result<Edited, EditError> {
    let mut edited = Edited {
        text: text.to_owned(),
        added: Vec::new(),
    };
    for request in requests {
        let (text, added) = one(&edited.text, request)?;
        edited.text = text;
        if added {
            edited.added.push(request.name.clone());
        }
    }
    Ok(edited)
}

/// Sets one image; also tells whether its entry is new.
fn one(text: &str, request: &Request) -> Result<(String, bool), EditError> {
    let document = Document::parse(text)?;
    let images = images(&document)?;
    let found = match images {
        Some(images) => find(images, &request.name)?,
        None => None,
    };
    let splices = match found {
        Some((_, entry, name)) => {
            let touched = entry.pairs().iter().map(|pair| &pair.value);
            if images
                .into_iter()
                .chain([entry])
                .chain(touched)
                .any(|node| document.shared(node))
            {
                return Err(EditError::Shared {
                    name: request.name.clone(),
                    line: entry.line,
                });
            }
            entry::splices(text, entry, name, &entry::change(request))
        }
        None => vec![new_entry(text, document.root.as_ref(), images, request)],
    };
    let wanted = wanted(document.meaning(), found.map(|(index, ..)| index), request);
    let new = layout::apply(text, splices);
    let meaning = Document::parse(&new).map(|document| document.meaning());
    match meaning == Ok(wanted) {
        true => Ok((new, found.is_none())),
        false => Err(EditError::Unsafe(request.name.clone())),
    }
}

/// The node of `images:`.
fn images(document: &Document) -> Result<Option<&Node>, EditError> {
    let Some(root) = document.root.as_ref().filter(|root| !root.is_null()) else {
        return Ok(None);
    };
    let wrong = |node: &Node, what| EditError::Shape {
        line: node.line,
        what,
    };
    if !matches!(root.kind, Kind::Map { .. }) {
        return Err(wrong(root, "a kustomization is a map of fields"));
    }
    match root.pair("images").map(|pair| &pair.value) {
        Some(node) if matches!(node.kind, Kind::List { .. }) || node.is_null() => Ok(Some(node)),
        Some(node) => Err(wrong(node, "`images` has to be a list of entries")),
        None => Ok(None),
    }
}

/// The entry of `name`: its place in the list, itself, and its `name`.
fn find<'a>(
    images: &'a Node,
    name: &str,
) -> Result<Option<(usize, &'a Node, &'a Pair)>, EditError> {
    let Kind::List { items, .. } = &images.kind else {
        return Ok(None);
    };
    let mut hits = items.iter().enumerate().filter_map(|(index, entry)| {
        let pair = entry.pair("name")?;
        (pair.value.text() == Some(name)).then_some((index, entry, pair))
    });
    match (hits.next(), hits.next()) {
        (Some((_, first, _)), Some((_, second, _))) => Err(EditError::Twice {
            name: name.to_owned(),
            first: first.line,
            second: second.line,
        }),
        (hit, _) => Ok(hit),
    }
}

/// The splice that adds an entry, in the style of the list or, without one, of the file.
fn new_entry(text: &str, root: Option<&Node>, images: Option<&Node>, request: &Request) -> Splice {
    match images.map(|node| (node, &node.kind)) {
        Some((node, Kind::List { flow: true, items })) => {
            let quoted = text[node.span.clone()].contains('"');
            let braces = entry::braces(request, quoted);
            match items.last() {
                Some(last) => Splice::insert(last.span.end, format!(", {braces}")),
                None => Splice::replace(node.span.clone(), format!("[{braces}]")),
            }
        }
        Some((node, Kind::List { items, .. })) => {
            let at = items
                .first()
                .map_or(node.span.start, |item| item.span.start);
            let (indent, gap) = layout::dash(text, at);
            let lines = entry::lines(request, indent, gap);
            layout::insert_lines(text, layout::next_line(text, node.span.end), &lines)
        }
        Some((node, _)) => {
            let lines = entry::lines(request, usual_indent(text, root), " ");
            match node.span.is_empty() {
                true => layout::insert_lines(text, after_key(text, root, node), &lines),
                false => Splice::replace(
                    node.span.clone(),
                    format!("[{}]", entry::braces(request, false)),
                ),
            }
        }
        None => new_list(text, root, request),
    }
}

/// Where the line after `images:` begins, when nothing stands behind it.
fn after_key(text: &str, root: Option<&Node>, node: &Node) -> usize {
    let key = root
        .and_then(|root| root.pair("images"))
        .map(|pair| pair.key.span.end);
    layout::next_line(text, key.unwrap_or(node.span.end))
}

/// The splice that adds `images:` after the last field.
fn new_list(text: &str, root: Option<&Node>, request: &Request) -> Splice {
    let root = root.filter(|root| !root.is_null());
    if let Some(Node {
        kind: Kind::Map { flow: true, pairs },
        span,
        ..
    }) = root
    {
        let quoted = text[span.clone()].contains('"');
        let key = if quoted { "\"images\"" } else { "images" };
        let field = format!("{key}: [{}]", entry::braces(request, quoted));
        return match pairs.last() {
            Some(last) => Splice::insert(last.value.span.end, format!(", {field}")),
            None => Splice::replace(span.clone(), format!("{{{field}}}")),
        };
    }
    let mut lines = vec!["images:".to_owned()];
    if text.contains("\n\n") || text.contains("\n\r\n") {
        lines.insert(0, String::new());
    }
    lines.extend(entry::lines(request, usual_indent(text, root), " "));
    let at = root.map_or(text.len(), |root| root.span.end);
    layout::insert_lines(text, layout::next_line(text, at), &lines)
}

/// How far the file's other lists are indented.
fn usual_indent<'a>(text: &'a str, root: Option<&Node>) -> &'a str {
    root.into_iter()
        .flat_map(Node::pairs)
        .find_map(|pair| match &pair.value.kind {
            Kind::List { flow: false, items } => items.first(),
            _ => None,
        })
        .map_or("", |item| layout::dash(text, item.span.start).0)
}

/// What the new text has to mean.
fn wanted(mut meaning: Value, index: Option<usize>, request: &Request) -> Value {
    let key = |name: &str| Value::String(name.to_owned()).to_string();
    let change = entry::change(request);
    if meaning.is_null() {
        meaning = Value::Object(Map::new());
    }
    let images = meaning
        .as_object_mut()
        .map(|root| root.entry(key("images")).or_insert(Value::Null));
    let Some(images) = images else {
        return meaning;
    };
    if images.is_null() {
        *images = Value::Array(Vec::new());
    }
    let Some(list) = images.as_array_mut() else {
        return meaning;
    };
    if index.is_none() {
        let name = Value::String(request.name.clone());
        list.push(Value::Object(Map::from_iter([(key("name"), name)])));
    }
    let place = index.unwrap_or(list.len() - 1);
    if let Some(entry) = list.get_mut(place).and_then(Value::as_object_mut) {
        for gone in change.remove {
            entry.remove(&key(gone));
        }
        for (set, value) in change.set {
            entry.insert(key(set), Value::String(value.to_owned()));
        }
    }
    meaning
}
