//! The fields a replacement writes to: finding them by path, making them where that is asked for.
//!
//! Unlike in a source's path, `*` stands for every item here, and the value in `[name=value]` is a regular
//! expression that need only match a part. A path may lead on into a text that is YAML itself; what is found
//! there this way is written to a copy and lost, as in kustomize (what is *not* lost, see `structured`).

use krm::{
    Kind, Map, Node, Pos, Scalar, SourceId, Style, Tag,
    yaml::{self, Limits},
};
use regex::Regex;

use crate::field_path::{
    self, PathError, Way, brackets, follow, is_bracketed, items, raw, shape_error,
};

/// What to make of a field that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Create {
    /// Nothing: it stays missing.
    Nothing,
    /// A scalar whose meaning follows from what is written into it.
    Scalar,
    /// A list.
    Seq,
    /// A map.
    Map,
}

/// A field that was found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// In the object.
    At(Way),
    /// In something that does not become part of the object, with the value there.
    Aside(Box<Node>),
}

impl Create {
    /// What a missing field is made into so that `value` can be written to it.
    pub(super) fn for_value(value: &Node) -> Self {
        match value.kind {
            Kind::Scalar(_) => Self::Scalar,
            Kind::Seq(_) => Self::Seq,
            Kind::Map(_) => Self::Map,
        }
    }

    /// What a missing field is made into when `next` is looked for in it.
    fn for_next(self, next: Option<&String>) -> Self {
        match next {
            None => self,
            Some(next) if is_bracketed(next) || index(next).is_some() => Self::Seq,
            Some(_) => Self::Map,
        }
    }

    fn node(self, pos: Pos) -> Node {
        match self {
            Self::Seq => Node::seq(Vec::new(), pos),
            Self::Map => Node::map(Map::new(), pos),
            Self::Nothing | Self::Scalar => fresh_scalar("", pos),
        }
    }
}

/// All fields that `path` leads to; none is no error here.
pub(super) fn find(
    root: &mut Node,
    path: &[String],
    create: Create,
) -> Result<Vec<Place>, PathError> {
    let mut search = Search {
        create,
        way: Way::new(),
        found: Vec::new(),
    };
    search.walk(root, path)?;
    Ok(search.found)
}

struct Search {
    create: Create,
    way: Way,
    found: Vec<Place>,
}

impl Search {
    fn walk(&mut self, node: &mut Node, path: &[String]) -> Result<(), PathError> {
        let Some((part, rest)) = path.split_first() else {
            self.found.push(Place::At(self.way.clone()));
            return Ok(());
        };
        if let Some(index) = index(part) {
            return self.index(node, index, path);
        }
        if is_bracketed(part) {
            return self.matching(node, path);
        }
        if part == "*" {
            let count = items(node, part)?.len();
            return (0..count).try_for_each(|at| self.item(node, at, rest));
        }
        self.field(node, path)
    }

    fn item(&mut self, list: &mut Node, at: usize, rest: &[String]) -> Result<(), PathError> {
        let Some(item) = list.as_seq_mut().and_then(|items| items.get_mut(at)) else {
            return Ok(());
        };
        self.way.push(at);
        let walked = self.walk(item, rest);
        self.way.pop();
        walked
    }

    fn index(&mut self, list: &mut Node, at: usize, path: &[String]) -> Result<(), PathError> {
        let length = items(list, &path[0])?.len();
        if length == at && self.create != Create::Nothing {
            let node = self.create.for_next(path.get(1)).node(list.pos);
            if let Some(items) = list.as_seq_mut() {
                items.push(node);
                return self.item(list, at, &path[1..]);
            }
        }
        if at >= length {
            return Err(PathError::Index { index: at, length });
        }
        self.item(list, at, &path[1..])
    }

    fn matching(&mut self, list: &mut Node, path: &[String]) -> Result<(), PathError> {
        let (name, text) = brackets(&path[0])?;
        let before = self.found.len();
        self.matching_now(list, (name, text), path)?;
        if self.found.len() > before || self.create == Create::Nothing {
            return Ok(());
        }
        let pos = list.pos;
        if let Some(items) = list.as_seq_mut() {
            let value = fresh_scalar(text, pos);
            items.push(match name {
                "" => value,
                name => {
                    let mut map = Map::new();
                    map.push(name, value);
                    Node::map(map, pos)
                }
            });
        }
        self.matching_now(list, (name, text), path)
    }

    fn matching_now(
        &mut self,
        list: &mut Node,
        (name, text): (&str, &str),
        path: &[String],
    ) -> Result<(), PathError> {
        let count = items(list, &path[0])?.len();
        for at in 0..count {
            // kustomize reads the expression anew for each item: one that is wrong is no error in an empty list.
            let regex = Regex::new(text).map_err(|_| PathError::Pattern(text.to_owned()))?;
            let item = &items(list, &path[0])?[at];
            let fits = |value: &Node| regex.is_match(&written(value));
            match name {
                "" if fits(item) => self.item(list, at, &[])?,
                "" => {}
                name if item.get(name).is_some_and(fits) => self.item(list, at, &path[1..])?,
                _ => {}
            }
        }
        Ok(())
    }

    fn field(&mut self, node: &mut Node, path: &[String]) -> Result<(), PathError> {
        let (part, rest) = (&path[0], &path[1..]);
        let creates = self.create != Create::Nothing;
        if node.is_null() {
            if creates {
                self.found.push(Place::Aside(Box::new(node.clone())));
            }
            return Ok(());
        }
        let pos = node.pos;
        let Some(map) = node.as_map_mut().filter(|_| !part.is_empty()) else {
            return Err(shape_error(node, part, "map"));
        };
        if !map.contains(part) {
            if !creates {
                return Ok(());
            }
            map.push(part.clone(), self.create.for_next(rest.first()).node(pos));
        }
        let found = map.iter_mut().enumerate();
        let Some((at, entry)) = found.into_iter().find(|(_, entry)| entry.key == *part) else {
            return Ok(());
        };
        if let (Kind::Scalar(scalar), false) = (&entry.value.kind, rest.is_empty()) {
            return self.aside(scalar, rest);
        }
        self.way.push(at);
        let walked = self.walk(&mut entry.value, rest);
        self.way.pop();
        walked
    }

    /// Goes on in a text as in a document. What is found there is a copy.
    fn aside(&mut self, scalar: &Scalar, rest: &[String]) -> Result<(), PathError> {
        let mut document = match read_text(&scalar.text) {
            Document::Value(document) => document,
            Document::Null => Node::null(Pos::default()),
            Document::None | Document::Nothing => return Err(PathError::Text(rest[0].clone())),
        };
        for place in find(&mut document, rest, self.create)? {
            self.found.push(match place {
                Place::At(way) => {
                    let node = follow(&mut document, &way).map(|node| node.clone());
                    let node = node.unwrap_or_else(|| Node::null(Pos::default()));
                    Place::Aside(Box::new(node))
                }
                aside @ Place::Aside(_) => aside,
            });
        }
        Ok(())
    }
}

/// What a text holds, read as YAML.
pub(super) enum Document {
    /// It is not YAML.
    None,
    /// Blanks and comments only.
    Nothing,
    /// Null.
    Null,
    /// The first document.
    Value(Node),
}

pub(super) fn read_text(text: &str) -> Document {
    match yaml::read_layout(text.as_bytes(), SourceId::default(), &Limits::default()) {
        Err(_) => Document::None,
        Ok(documents) => match documents.into_iter().next() {
            None if text.lines().all(is_blank) => Document::Nothing,
            None => Document::Null,
            Some(first) => Document::Value(first),
        },
    }
}

/// A line that says nothing.
fn is_blank(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// A scalar nobody has given a meaning yet.
fn fresh_scalar(text: &str, pos: Pos) -> Node {
    let mut node = Node::scalar(text, Tag::Str, Style::Plain, pos);
    if let Some(scalar) = node.as_scalar_mut() {
        scalar.untag();
    }
    node
}

/// The value as it stands in YAML: expressions are matched against that, quotes included.
fn written(node: &Node) -> String {
    match node.as_scalar() {
        Some(scalar) => match scalar.style {
            Style::DoubleQuoted => format!("\"{}\"", scalar.text),
            Style::SingleQuoted => format!("'{}'", scalar.text),
            Style::Plain if scalar.tag == Tag::Str && yaml::plain_tag(&scalar.text) != Tag::Str => {
                format!("\"{}\"", scalar.text)
            }
            _ => scalar.text.trim().to_owned(),
        },
        None => raw(node).to_owned(),
    }
}

fn index(part: &str) -> Option<usize> {
    usize::try_from(field_path::number(part)?).ok()
}
