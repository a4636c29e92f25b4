//! From tokens to a [`Node`] tree: the grammar, with anchors, merges and limits applied on the way.

mod anchors;
mod budget;
mod declared;
mod entries;
mod remarks;
mod scalar;
mod value;

use std::sync::Arc;

use super::cursor::Mark;
use super::error::{Problem, YamlError};
use super::resolve::Rules;
use super::scan::Scanner;
use super::split::Piece;
use super::token::{Token, What};
use crate::{Node, Pos, SourceId, Style};
use anchors::{Anchored, Anchors};
use entries::Entries;
use scalar::Meaning;
use value::{Key, Value};

pub(super) use budget::Budget;

/// Whether to note how maps and lists are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Forgotten,
    Kept,
}

/// Reads one document.
pub(super) struct Parser<'t, 'b> {
    scanner: Scanner<'t>,
    source: SourceId,
    rules: Rules,
    layout: Layout,
    budget: &'b mut Budget,
    anchors: Anchors<'t>,
    directives: Vec<(&'t str, String)>,
    depth: usize,
    /// Where the flow collections began that we are in.
    open: Vec<Mark>,
    /// The line on which the last of them ended.
    flow_end: u32,
    /// The deepest level seen since an anchored value began.
    deepest: usize,
}

/// What may stand before a value.
#[derive(Default)]
struct Properties<'t> {
    anchor: Option<&'t str>,
    tag: Option<String>,
}

impl<'t, 'b> Parser<'t, 'b> {
    pub(super) fn new(
        piece: &Piece<'t>,
        source: SourceId,
        (rules, layout): (Rules, Layout),
        budget: &'b mut Budget,
    ) -> Self {
        let mut scanner = Scanner::new(piece.text, piece.line, budget.max_depth());
        scanner.comments.keep(layout == Layout::Kept);
        Self {
            scanner,
            source,
            rules,
            layout,
            budget,
            anchors: Anchors::default(),
            directives: Vec::new(),
            depth: 0,
            open: Vec::new(),
            flow_end: 0,
            deepest: 0,
        }
    }

    /// The document, or `None` if there is nothing but comments.
    pub(super) fn document(mut self) -> Result<Option<Node>, YamlError> {
        let explicit = match self.scanner.peek()?.what {
            What::StreamEnd => return Ok(None),
            What::VersionDirective { .. } | What::TagDirective { .. } | What::DocumentStart => true,
            _ => false,
        };
        if explicit {
            self.parse_directives()?;
        }
        let mut node = match &self.scanner.peek()?.what {
            What::VersionDirective { .. }
            | What::TagDirective { .. }
            | What::DocumentStart
            | What::DocumentEnd
            | What::StreamEnd
                if explicit =>
            {
                self.empty(Mark::default())?.node
            }
            _ => self.parse_value(true, false)?.node,
        };
        self.expect_end()?;
        remarks::attach(&mut node, self.scanner.comments.kept());
        Ok(Some(node))
    }

    /// kustomize reads one document per piece and ignores what follows; here that is an error.
    fn expect_end(&mut self) -> Result<(), YamlError> {
        while self.scanner.peek()?.what == What::DocumentEnd {
            self.scanner.next()?;
        }
        if self.scanner.peek()?.what == What::DocumentStart {
            self.scanner.next()?;
        }
        let last = self.scanner.peek()?;
        match last.what {
            What::StreamEnd => Ok(()),
            _ => Err(last.mark.error(Problem::TrailingText)),
        }
    }

    fn parse_directives(&mut self) -> Result<(), YamlError> {
        let mut versions = 0;
        loop {
            let Token { what, mark } = self.scanner.next()?;
            match what {
                What::DocumentStart => return Ok(()),
                What::VersionDirective { supported: false } => {
                    return Err(mark.syntax("only YAML 1.1 is supported"));
                }
                What::VersionDirective { .. } if versions > 0 => {
                    return Err(mark.syntax("a second version directive"));
                }
                What::VersionDirective { .. } => versions += 1,
                What::TagDirective { handle, prefix } => {
                    if self.directives.iter().any(|(known, _)| *known == handle) {
                        return Err(mark.syntax("a second directive for the same tag handle"));
                    }
                    self.directives.push((handle, prefix));
                }
                _ => return Err(mark.syntax("expected `---` after the directives")),
            }
        }
    }

    /// A value, with its anchor and tag.
    fn parse_value(&mut self, block: bool, indentless: bool) -> Result<Value, YamlError> {
        let mark = self.scanner.peek()?.mark;
        if let What::Alias(name) = self.scanner.peek()?.what {
            self.scanner.next()?;
            return self.alias(name, mark);
        }
        let Properties { anchor, tag } = self.parse_properties()?;
        let Some(name) = anchor else {
            return self.parse_content(block, indentless, tag.as_deref(), mark);
        };
        let id = self.anchors.start(name);
        let before = self.budget.spent();
        let outer = std::mem::replace(&mut self.deepest, self.depth);
        let value = self.parse_content(block, indentless, tag.as_deref(), mark)?;
        let anchored = Anchored {
            value: value.clone(),
            cost: self.budget.spent().since(before),
            depth: self.deepest - self.depth,
        };
        self.anchors.finish(id, anchored);
        self.deepest = self.deepest.max(outer);
        Ok(value)
    }

    fn alias(&mut self, name: &str, mark: Mark) -> Result<Value, YamlError> {
        let anchored = self.anchors.get(name, mark)?;
        self.budget.charge_alias(anchored.cost, mark)?;
        let depth = self.depth + anchored.depth;
        self.budget.check_depth(depth, mark)?;
        self.deepest = self.deepest.max(depth);
        let mut value = anchored.value.clone();
        value.aliased = true;
        Ok(value)
    }

    fn parse_properties(&mut self) -> Result<Properties<'t>, YamlError> {
        let mut found = Properties::default();
        loop {
            let Token { what, mark } = self.scanner.peek()?;
            match what {
                What::Anchor(name) if found.anchor.is_none() => found.anchor = Some(*name),
                What::Tag { handle, suffix } if found.tag.is_none() => {
                    let (handle, suffix, mark) = (*handle, suffix.clone(), *mark);
                    found.tag = Some(self.full_tag(handle, suffix, mark)?);
                }
                _ => return Ok(found),
            }
            self.scanner.next()?;
        }
    }

    fn full_tag(&self, handle: &str, suffix: String, mark: Mark) -> Result<String, YamlError> {
        let declared = self.directives.iter().find(|(known, _)| *known == handle);
        match (handle, declared) {
            ("", _) => Ok(suffix),
            (_, Some((_, prefix))) => Ok(format!("{prefix}{suffix}")),
            ("!", None) => Ok(format!("!{suffix}")),
            ("!!", None) => Ok(format!("{}{suffix}", scalar::CORE)),
            _ => Err(mark.syntax("a tag handle without a directive")),
        }
    }

    fn parse_content(
        &mut self,
        block: bool,
        indentless: bool,
        tag: Option<&str>,
        start: Mark,
    ) -> Result<Value, YamlError> {
        let anchored = self.scanner.peek()?.mark != start;
        match self.scanner.peek()?.what {
            What::BlockEntry if indentless => self.nested(Self::parse_indentless, start),
            What::Scalar { .. } => self.parse_scalar(tag, start),
            What::FlowSequenceStart => self.flow(Self::parse_flow_sequence, start),
            What::FlowMappingStart => self.flow(Self::parse_flow_mapping, start),
            What::BlockSequenceStart if block => self.nested(Self::parse_block_sequence, start),
            What::BlockMappingStart if block => self.nested(Self::parse_block_mapping, start),
            _ if tag.is_some() || anchored => self.scalar(String::new(), Style::Plain, tag, start),
            _ => {
                let Token { what, mark } = self.scanner.next()?;
                Err(self.not_here(&what, mark, "expected a value here"))
            }
        }
    }

    /// The error for a token that cannot stand at `mark`; on a later line than an open bracket, that is to blame.
    fn not_here(&self, what: &What<'_>, mark: Mark, text: &'static str) -> YamlError {
        match (self.open.last(), what) {
            (Some(start), What::StreamEnd) => start.syntax("this bracket is never closed"),
            (Some(start), _) if mark.line > start.line => {
                start.error(Problem::OpenBracket(mark.line + 1))
            }
            _ => mark.syntax(text),
        }
    }

    fn nested(
        &mut self,
        parse: fn(&mut Self, Pos) -> Result<Node, YamlError>,
        mark: Mark,
    ) -> Result<Value, YamlError> {
        self.budget.charge(0, mark)?;
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        self.budget.check_depth(self.depth, mark)?;
        let node = parse(self, self.pos(mark))?;
        self.depth -= 1;
        Ok(Value::new(node, Key::Other))
    }

    fn flow(
        &mut self,
        parse: fn(&mut Self, Pos) -> Result<Node, YamlError>,
        mark: Mark,
    ) -> Result<Value, YamlError> {
        self.open.push(self.scanner.peek()?.mark);
        let mut value = self.nested(parse, mark)?;
        self.open.pop();
        if self.layout == Layout::Kept {
            value.node.note.get_or_insert_default().flow = true;
        }
        Ok(value)
    }

    fn scalar(
        &mut self,
        text: String,
        style: Style,
        tagged: Option<&str>,
        mark: Mark,
    ) -> Result<Value, YamlError> {
        self.budget.charge(text.len(), mark)?;
        let Meaning { tag, style, key } = match self.rules {
            Rules::V2 => scalar::version_2(&text, style, tagged),
            Rules::V3 => scalar::version_3(&text, style, tagged, !self.open.is_empty()),
        }
        .map_err(|problem| mark.error(problem))?;
        let node = Node::scalar(text, tag, style, self.pos(mark));
        Ok(Value::new(node, key))
    }

    /// The null that an absent value is.
    fn empty(&mut self, mark: Mark) -> Result<Value, YamlError> {
        self.scalar(String::new(), Style::Plain, None, mark)
    }

    fn parse_scalar(&mut self, tag: Option<&str>, mark: Mark) -> Result<Value, YamlError> {
        match self.scanner.next()?.what {
            What::Scalar { text, style } => self.scalar(text.into_owned(), style, tag, mark),
            _ => Err(mark.syntax("expected a scalar here")),
        }
    }

    fn parse_block_sequence(&mut self, pos: Pos) -> Result<Node, YamlError> {
        self.scanner.next()?;
        let mut items = Vec::new();
        loop {
            let Token { what, mark } = self.scanner.next()?;
            match what {
                What::BlockEntry => items.push(self.parse_block_item(mark, false)?),
                What::BlockEnd => return Ok(Node::seq(items, pos)),
                _ => return Err(mark.syntax("expected `- ` here: the list items are not aligned")),
            }
        }
    }

    fn parse_indentless(&mut self, pos: Pos) -> Result<Node, YamlError> {
        let mut items = Vec::new();
        while self.scanner.peek()?.what == What::BlockEntry {
            let mark = self.scanner.next()?.mark;
            items.push(self.parse_block_item(mark, true)?);
        }
        Ok(Node::seq(items, pos))
    }

    fn parse_block_item(&mut self, mark: Mark, indentless: bool) -> Result<Node, YamlError> {
        match self.scanner.peek()?.what {
            What::BlockEntry | What::BlockEnd => Ok(self.empty(mark)?.node),
            What::Key | What::Value if indentless => Ok(self.empty(mark)?.node),
            _ => {
                let above = self.scanner.comments.json_of_key(mark.line);
                let mut node = self.parse_value(true, false)?.node;
                note_types(&mut node, above.and_then(declared::read));
                if self.layout == Layout::Kept {
                    node.note.get_or_insert_default().remarks.place =
                        Some((mark.line, mark.column));
                }
                Ok(node)
            }
        }
    }

    fn parse_block_mapping(&mut self, pos: Pos) -> Result<Node, YamlError> {
        self.scanner.next()?;
        let mut entries = Entries::new((self.rules, self.layout), self.depth == 1);
        loop {
            let Token { what, mark } = self.scanner.next()?;
            match what {
                What::BlockEnd => return Ok(Node::map(entries.into_map(), pos)),
                What::Key => {
                    let key = self.parse_block_part(mark)?;
                    let value = match self.scanner.peek()?.what {
                        What::Value => self.parse_noted_value()?,
                        _ => self.empty(mark)?,
                    };
                    entries.add(key, value, mark)?;
                }
                _ => return Err(mark.syntax("expected a key here: the keys are not aligned")),
            }
        }
    }

    /// The value after a key, with the types that a comment beside it tells.
    fn parse_noted_value(&mut self) -> Result<Value, YamlError> {
        let mark = self.scanner.next()?.mark;
        let in_flow = matches!(
            self.scanner.peek()?.what,
            What::FlowSequenceStart | What::FlowMappingStart
        );
        let of_key = self.scanner.comments.json_of_key(mark.line);
        let mut value = self.parse_block_part(mark)?;
        let of_value = match in_flow {
            true => self.scanner.comments.json_behind(self.flow_end),
            false => None,
        };
        let types = of_value
            .and_then(declared::read)
            .or_else(|| declared::read(of_key?));
        note_types(&mut value.node, types);
        Ok(value)
    }

    fn parse_block_part(&mut self, mark: Mark) -> Result<Value, YamlError> {
        match self.scanner.peek()?.what {
            What::Key | What::Value | What::BlockEnd => self.empty(mark),
            _ => self.parse_value(true, true),
        }
    }

    fn parse_flow_sequence(&mut self, pos: Pos) -> Result<Node, YamlError> {
        self.scanner.next()?;
        let mut items = Vec::new();
        loop {
            if self.flow_ended(&What::FlowSequenceEnd, items.is_empty())? {
                return Ok(Node::seq(items, pos));
            }
            let mark = self.scanner.peek()?.mark;
            items.push(match self.scanner.peek()?.what {
                What::Key => self.nested(Self::parse_flow_pair, mark)?.node,
                _ => self.parse_value(false, false)?.node,
            });
        }
    }

    /// `[a: b]`: a map of one entry.
    fn parse_flow_pair(&mut self, pos: Pos) -> Result<Node, YamlError> {
        let mark = self.scanner.next()?.mark;
        let key = match self.scanner.peek()?.what {
            What::Value | What::FlowEntry | What::FlowSequenceEnd => {
                // libyaml takes this token for part of the key.
                self.scanner.next()?;
                self.empty(mark)?
            }
            _ => self.parse_value(false, false)?,
        };
        let value = self.parse_flow_part(&What::FlowSequenceEnd)?;
        let mut entries = Entries::new((self.rules, self.layout), self.depth == 1);
        entries.add(key, value, mark)?;
        Ok(Node::map(entries.into_map(), pos))
    }

    fn parse_flow_mapping(&mut self, pos: Pos) -> Result<Node, YamlError> {
        self.scanner.next()?;
        let mut entries = Entries::new((self.rules, self.layout), self.depth == 1);
        let mut first = true;
        while !self.flow_ended(&What::FlowMappingEnd, first)? {
            first = false;
            let mark = self.scanner.peek()?.mark;
            let (key, value) = match self.scanner.peek()?.what {
                What::Key => {
                    self.scanner.next()?;
                    let key = match self.scanner.peek()?.what {
                        What::Value | What::FlowEntry | What::FlowMappingEnd => self.empty(mark)?,
                        _ => self.parse_value(false, false)?,
                    };
                    (key, self.parse_flow_part(&What::FlowMappingEnd)?)
                }
                _ => (self.parse_value(false, false)?, self.empty(mark)?),
            };
            entries.add(key, value, mark)?;
        }
        Ok(Node::map(entries.into_map(), pos))
    }

    /// The value after a key in a flow collection, if there is one.
    fn parse_flow_part(&mut self, end: &What<'_>) -> Result<Value, YamlError> {
        let mark = self.scanner.peek()?.mark;
        if self.scanner.peek()?.what != What::Value {
            return self.empty(mark);
        }
        self.scanner.next()?;
        match &self.scanner.peek()?.what {
            What::FlowEntry => self.empty(mark),
            what if what == end => self.empty(mark),
            _ => self.parse_value(false, false),
        }
    }

    /// Takes the comma before the next entry or the bracket at the end; true at the end.
    fn flow_ended(&mut self, end: &What<'_>, first: bool) -> Result<bool, YamlError> {
        if !first && self.scanner.peek()?.what != *end {
            let Token { what, mark } = self.scanner.next()?;
            if what != What::FlowEntry {
                return Err(self.not_here(&what, mark, "expected a comma or the closing bracket"));
            }
        }
        let ended = self.scanner.peek()?.what == *end;
        if ended {
            self.flow_end = self.scanner.next()?.mark.line;
        }
        Ok(ended)
    }

    fn pos(&self, mark: Mark) -> Pos {
        Pos {
            source: self.source,
            line: mark.line + 1,
        }
    }
}

/// A scalar has no use for types.
fn note_types(node: &mut Node, types: Option<Arc<Node>>) {
    if types.is_some() && (node.is_null() || node.as_scalar().is_none()) {
        node.note.get_or_insert_default().types = types;
    }
}
