//! A YAML document as a tree of byte spans, and as what it means.
//!
//! The spans say where to splice. The meaning forgets layout and quotes, so that two texts can be compared.

use std::collections::BTreeSet;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};
use serde_json::{Map, Value};

/// One node and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// From its first byte to the end of its last value.
    pub(super) span: Range<usize>,
    /// Line of its first byte, from 1.
    pub(super) line: usize,
    /// What it is.
    pub(super) kind: Kind,
    anchor: usize,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Text, number and the like.
    Scalar {
        /// As read.
        text: String,
        /// As written.
        style: ScalarStyle,
    },
    /// `*name`, by number.
    Alias(usize),
    /// A list.
    List {
        /// Whether it is written in brackets.
        flow: bool,
        /// Its items.
        items: Vec<Node>,
    },
    /// Keys and values.
    Map {
        /// Whether it is written in braces.
        flow: bool,
        /// In the order of the text.
        pairs: Vec<Pair>,
    },
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    /// The key.
    pub(super) key: Node,
    /// The value.
    pub(super) value: Node,
}

/// A document.
#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    /// Absent if there are only comments.
    pub(super) root: Option<Node>,
    aliases: BTreeSet<usize>,
}

/// Why a text is no document to edit.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum SpanError {
    /// Not YAML.
    #[error("line {line}: {message}")]
    Syntax {
        /// From 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// More than one.
    #[error("line {0}: a second document begins; a kustomization is one")]
    SecondDocument(usize),
}

/// A collection that is still being read.
struct Open {
    node: Node,
    key: Option<Node>,
}

impl Node {
    /// Its text, if it is a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Its pairs; none if it is no map.
    pub(super) fn pairs(&self) -> &[Pair] {
        match &self.kind {
            Kind::Map { pairs, .. } => pairs,
            _ => &[],
        }
    }

    /// The pair of `key`.
    pub(super) fn pair(&self, key: &str) -> Option<&Pair> {
        self.pairs()
            .iter()
            .find(|pair| pair.key.text() == Some(key))
    }

    /// Whether nothing is there: no value, `null` or `~`.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, style: ScalarStyle::Plain }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What it means, whatever the layout.
    pub(super) fn meaning(&self) -> Value {
        match &self.kind {
            Kind::Scalar { .. } if self.is_null() => Value::Null,
            Kind::Scalar { text, .. } => Value::String(text.clone()),
            Kind::Alias(number) => Value::from(*number),
            Kind::List { items, .. } => items.iter().map(Self::meaning).collect(),
            Kind::Map { pairs, .. } => Value::Object(
                pairs
                    .iter()
                    .map(|pair| (pair.key.meaning().to_string(), pair.value.meaning()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }
}

impl Document {
    /// Reads `text`.
    pub(super) fn parse(text: &str) -> Result<Self, SpanError> {
        let mut document = Self::default();
        let mut open: Vec<Open> = Vec::new();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| SpanError::Syntax {
                line: error.marker().line(),
                message: error.info(),
            })?;
            if let Some(node) = document.take(event, &span, &mut open)? {
                document.place(node, &mut open);
            }
        }
        Ok(document)
    }

    /// Whether the node's anchor is used elsewhere, so that an edit here would be an edit there.
    pub(super) fn shared(&self, node: &Node) -> bool {
        node.anchor != 0 && self.aliases.contains(&node.anchor)
    }

    /// What it means.
    pub(super) fn meaning(&self) -> Value {
        self.root.as_ref().map_or(Value::Null, Node::meaning)
    }

    /// A finished node, if `event` finishes one.
    fn take(
        &mut self,
        event: Event<'_>,
        span: &Span,
        open: &mut Vec<Open>,
    ) -> Result<Option<Node>, SpanError> {
        let node = |kind, anchor| Node {
            span: span.byte_range().unwrap_or_default(),
            line: span.start.line(),
            kind,
            anchor,
        };
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let text = text.into_owned();
                Ok(Some(node(Kind::Scalar { text, style }, anchor)))
            }
            Event::Alias(number) => {
                self.aliases.insert(number);
                Ok(Some(node(Kind::Alias(number), 0)))
            }
            Event::SequenceStart(style, anchor, _) => {
                let (flow, items) = (style == StructureStyle::Flow, Vec::new());
                let node = node(Kind::List { flow, items }, anchor);
                open.push(Open { node, key: None });
                Ok(None)
            }
            Event::MappingStart(style, anchor, _) => {
                let (flow, pairs) = (style == StructureStyle::Flow, Vec::new());
                let node = node(Kind::Map { flow, pairs }, anchor);
                open.push(Open { node, key: None });
                Ok(None)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                Ok(open.pop().map(|ended| close(ended.node, span)))
            }
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(SpanError::SecondDocument(span.start.line()))
            }
            _ => Ok(None),
        }
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, node: Node, open: &mut [Open]) {
        let Some(parent) = open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut parent.node.kind {
            Kind::List { items, .. } => items.push(node),
            Kind::Map { pairs, .. } => match parent.key.take() {
                None => parent.key = Some(node),
                Some(key) => pairs.push(Pair { key, value: node }),
            },
            Kind::Scalar { .. } | Kind::Alias(_) => {}
        }
    }
}

/// Sets where a collection ends: a bracket ends itself, a block ends with its last value.
fn close(mut node: Node, end: &Span) -> Node {
    let last = match &node.kind {
        Kind::List { flow: false, items } => items.last().map(|item| item.span.clone()),
        Kind::Map { flow: false, pairs } => pairs.last().map(|pair| pair.value.span.clone()),
        _ => end.byte_range(),
    };
    if let Some(last) = last {
        node.span.end = node.span.end.max(last.end);
    }
    node
}
