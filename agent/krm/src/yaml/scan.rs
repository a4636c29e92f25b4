//! From text to tokens, in the dialect of go-yaml: YAML 1.1 as libyaml reads it.
//!
//! YAML tells late whether a value is a key: only the `:` after it says so. The scanner remembers where a
//! key could start ([`SimpleKey`]) and, when the `:` comes, inserts the key token before what it has already
//! queued. It knows indentation, and nothing of what tokens mean together: that is the parser's.

pub(super) mod block;
pub(super) mod comments;
mod plain;
mod property;
mod quoted;

use std::borrow::Cow;
use std::collections::VecDeque;

use super::cursor::{Cursor, Mark};
use super::error::{Problem, YamlError};
use super::token::{Token, What};
use crate::Style;
use comments::Comments;

/// Longest text of a key without `?`, in characters.
const MAX_SIMPLE_KEY: usize = 1024;
/// How far after one comment the next is looked for, in bytes; tabs before it are forgiven within.
const COMMENT_REACH: usize = 511;

/// A place where a key without `?` may have started.
#[derive(Clone, Copy, Default)]
struct SimpleKey {
    possible: bool,
    /// Nothing but a key can stand here.
    required: bool,
    /// The number of its first token.
    token: usize,
    mark: Mark,
}

/// Turns one document's text into tokens.
pub(super) struct Scanner<'t> {
    cursor: Cursor<'t>,
    tokens: VecDeque<Token<'t>>,
    /// Tokens handed out so far.
    taken: usize,
    ended: bool,
    /// Column of the block collection we are in; -1 at the top.
    indent: i32,
    indents: Vec<i32>,
    /// One per flow level, and one for the block context.
    keys: Vec<SimpleKey>,
    key_allowed: bool,
    max_depth: usize,
    /// The comments that may say something to a merge.
    pub(super) comments: Comments<'t>,
}

impl<'t> Scanner<'t> {
    /// Starts at the beginning of `text`, which is on line `line` of its file, counted from 0.
    pub(super) fn new(text: &'t str, line: u32, max_depth: usize) -> Self {
        Self {
            cursor: Cursor::new(text, line),
            tokens: VecDeque::with_capacity(8),
            taken: 0,
            ended: false,
            indent: -1,
            indents: Vec::new(),
            keys: vec![SimpleKey::default()],
            key_allowed: true,
            max_depth,
            comments: Comments::default(),
        }
    }

    /// The next token, left in place.
    pub(super) fn peek(&mut self) -> Result<&Token<'t>, YamlError> {
        while !self.ended && (self.tokens.is_empty() || self.head_may_be_key()?) {
            self.fetch()?;
        }
        Ok(self
            .tokens
            .front()
            .expect("a token because the end of the stream is one and is never taken"))
    }

    /// The next token. The end of the stream can be taken any number of times.
    pub(super) fn next(&mut self) -> Result<Token<'t>, YamlError> {
        self.peek()?;
        if self.tokens.len() == 1 && self.ended {
            let mark = self.tokens[0].mark;
            let what = What::StreamEnd;
            return Ok(Token { what, mark });
        }
        self.taken += 1;
        Ok(self
            .tokens
            .pop_front()
            .expect("a token because peek has just seen one"))
    }

    /// Whether the token at the head could still turn out to be a key.
    fn head_may_be_key(&mut self) -> Result<bool, YamlError> {
        let taken = self.taken;
        match self
            .keys
            .iter()
            .position(|key| key.possible && key.token == taken)
        {
            Some(level) => self.key_is_valid(level),
            None => Ok(false),
        }
    }

    /// Whether the key of `level` can still be one: on this line and not too far back.
    fn key_is_valid(&mut self, level: usize) -> Result<bool, YamlError> {
        let now = self.cursor.mark;
        let key = &mut self.keys[level];
        if key.possible && (key.mark.line < now.line || key.mark.index + MAX_SIMPLE_KEY < now.index)
        {
            if key.required {
                return Err(key.mark.syntax("expected a `:` after this key"));
            }
            key.possible = false;
        }
        Ok(key.possible)
    }

    fn flow_level(&self) -> usize {
        self.keys.len() - 1
    }

    fn in_flow(&self) -> bool {
        self.keys.len() > 1
    }

    fn push(&mut self, what: What<'t>, mark: Mark) {
        self.tokens.push_back(Token { what, mark });
    }

    /// Adds the next token or tokens to the queue.
    fn fetch(&mut self) -> Result<(), YamlError> {
        self.skip_to_token();
        self.unroll(column(self.cursor.mark));
        if self.cursor.at_end() {
            return self.fetch_end();
        }
        let byte = self.cursor.peek(0);
        if self.cursor.mark.column == 0 && byte == b'%' {
            return self.fetch_directive();
        }
        if self.cursor.at_document_indicator() {
            return self.fetch_document_indicator(byte);
        }
        self.fetch_content(byte)?;
        if self
            .tokens
            .back()
            .is_some_and(|token| token.what != What::BlockEntry)
        {
            self.skip_line_comment();
        }
        Ok(())
    }

    fn fetch_content(&mut self, byte: u8) -> Result<(), YamlError> {
        let blank_follows = self.cursor.at_blankz(1);
        let flow = self.in_flow();
        match byte {
            b'[' => self.fetch_flow_start(What::FlowSequenceStart),
            b'{' => self.fetch_flow_start(What::FlowMappingStart),
            b']' => self.fetch_flow_end(What::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(What::FlowMappingEnd),
            b',' => self.fetch_flow_entry(),
            b'-' if blank_follows => self.fetch_block_entry(),
            b'?' if flow || blank_follows => self.fetch_key(),
            b':' if flow || blank_follows => self.fetch_value(),
            b'*' | b'&' => self.fetch_anchor(byte),
            b'!' => self.fetch_tag(),
            b'|' | b'>' if !flow => self.fetch_block_scalar(byte == b'|'),
            b'\'' | b'"' => self.fetch_quoted(byte == b'\''),
            b'\t' => Err(self
                .cursor
                .mark
                .syntax("found a tab, which cannot indent; use spaces")),
            b'|' | b'>' | b'%' | b'@' | b'`' | b'#' => Err(self
                .cursor
                .mark
                .syntax("found a character that cannot start a value; quote it")),
            _ => self.fetch_plain(),
        }
    }

    /// Steps over blanks, comments and line breaks.
    fn skip_to_token(&mut self) {
        loop {
            let tabs = self.in_flow() || !self.key_allowed;
            while self.cursor.peek(0) == b' ' || tabs && self.cursor.peek(0) == b'\t' {
                self.cursor.skip();
            }
            if self.cursor.peek(0) == b'#' {
                self.comments.own_line(&self.cursor);
                self.skip_comments();
            }
            if !self.cursor.at_break(0) {
                return;
            }
            self.cursor.skip_line();
            if !self.in_flow() {
                self.key_allowed = true;
            }
        }
    }

    /// Steps over a comment and the ones right after it, up to the end of the last one's line.
    fn skip_comments(&mut self) {
        loop {
            self.cursor.skip_to(self.cursor.line_end());
            let blank =
                |ahead: &usize| matches!(self.cursor.peek(*ahead), b' ' | b'\t' | b'\n' | b'\r');
            let next = (0..=COMMENT_REACH).find(|ahead| !blank(ahead));
            if next.is_none_or(|ahead| self.cursor.peek(ahead) != b'#') {
                return;
            }
            while self.cursor.peek(0) != b'#' {
                match self.cursor.at_break(0) {
                    true => self.cursor.skip_line(),
                    false => self.cursor.skip(),
                }
            }
            self.comments.own_line(&self.cursor);
        }
    }

    /// Steps over a comment behind a token.
    fn skip_line_comment(&mut self) {
        let mut ahead = 0;
        while self.cursor.at_blank(ahead) {
            ahead += 1;
        }
        if self.cursor.peek(ahead) == b'#' {
            self.comments.behind(&self.cursor);
            self.cursor.skip_to(self.cursor.line_end());
        }
    }

    /// Remembers that a key may start here.
    fn save_key(&mut self) -> Result<(), YamlError> {
        if !self.key_allowed {
            return Ok(());
        }
        let key = SimpleKey {
            possible: true,
            required: !self.in_flow() && self.indent == column(self.cursor.mark),
            token: self.taken + self.tokens.len(),
            mark: self.cursor.mark,
        };
        self.forget_key()?;
        *self.key() = key;
        Ok(())
    }

    /// Gives up the key that may have started on this level.
    fn forget_key(&mut self) -> Result<(), YamlError> {
        let key = self.key();
        if key.possible && key.required {
            return Err(key.mark.syntax("expected a `:` after this key"));
        }
        key.possible = false;
        Ok(())
    }

    fn key(&mut self) -> &mut SimpleKey {
        self.keys
            .last_mut()
            .expect("a key because the block context always has one")
    }

    /// Opens a block collection at `column` if that is deeper; its token goes before token number `before`.
    fn roll(&mut self, at: Mark, before: usize, what: What<'t>) -> Result<(), YamlError> {
        if self.in_flow() || self.indent >= column(at) {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = column(at);
        self.check_depth(at)?;
        let token = Token { what, mark: at };
        self.tokens.insert(before - self.taken, token);
        Ok(())
    }

    fn check_depth(&self, at: Mark) -> Result<(), YamlError> {
        match self.indents.len() + self.flow_level() > self.max_depth {
            true => Err(at.error(Problem::TooMuch {
                what: "levels of nesting",
                limit: self.max_depth,
            })),
            false => Ok(()),
        }
    }

    /// Closes the block collections deeper than `column`.
    fn unroll(&mut self, column: i32) {
        if self.in_flow() {
            return;
        }
        while self.indent > column {
            self.push(What::BlockEnd, self.cursor.mark);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn fetch_end(&mut self) -> Result<(), YamlError> {
        self.unroll(-1);
        self.forget_key()?;
        self.key_allowed = false;
        self.push(What::StreamEnd, self.cursor.mark);
        self.ended = true;
        Ok(())
    }

    fn fetch_directive(&mut self) -> Result<(), YamlError> {
        self.unroll(-1);
        self.forget_key()?;
        self.key_allowed = false;
        let mark = self.cursor.mark;
        let what = property::scan_directive(&mut self.cursor)?;
        self.push(what, mark);
        Ok(())
    }

    fn fetch_document_indicator(&mut self, byte: u8) -> Result<(), YamlError> {
        self.unroll(-1);
        self.forget_key()?;
        self.key_allowed = false;
        let what = match byte {
            b'-' => What::DocumentStart,
            _ => What::DocumentEnd,
        };
        self.push(what, self.cursor.mark);
        self.cursor.skip_many(3);
        Ok(())
    }

    fn fetch_flow_start(&mut self, what: What<'t>) -> Result<(), YamlError> {
        self.save_key()?;
        self.keys.push(SimpleKey::default());
        self.check_depth(self.cursor.mark)?;
        self.key_allowed = true;
        self.push_indicator(what);
        Ok(())
    }

    fn fetch_flow_end(&mut self, what: What<'t>) -> Result<(), YamlError> {
        self.forget_key()?;
        if self.in_flow() {
            self.keys.pop();
        }
        self.key_allowed = false;
        self.push_indicator(what);
        Ok(())
    }

    fn fetch_flow_entry(&mut self) -> Result<(), YamlError> {
        self.forget_key()?;
        self.key_allowed = true;
        self.push_indicator(What::FlowEntry);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Result<(), YamlError> {
        self.open_block(What::BlockSequenceStart, "a list item is not allowed here")?;
        self.forget_key()?;
        self.key_allowed = true;
        self.push_indicator(What::BlockEntry);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<(), YamlError> {
        self.open_block(What::BlockMappingStart, "a map key is not allowed here")?;
        self.forget_key()?;
        self.key_allowed = !self.in_flow();
        self.push_indicator(What::Key);
        Ok(())
    }

    /// At a `:`: turns what stands before it into a key, if that is possible.
    fn fetch_value(&mut self) -> Result<(), YamlError> {
        if self.key_is_valid(self.flow_level())? {
            let SimpleKey { token, mark, .. } = *self.key();
            let what = What::Key;
            self.tokens.insert(token - self.taken, Token { what, mark });
            self.roll(mark, token, What::BlockMappingStart)?;
            self.key().possible = false;
            self.key_allowed = false;
        } else {
            self.open_block(What::BlockMappingStart, "a map value is not allowed here")?;
            self.key_allowed = !self.in_flow();
        }
        self.push_indicator(What::Value);
        Ok(())
    }

    /// Opens a block collection at an indicator.
    fn open_block(&mut self, what: What<'t>, problem: &'static str) -> Result<(), YamlError> {
        if !self.in_flow() && !self.key_allowed {
            return Err(self.cursor.mark.syntax(problem));
        }
        let end = self.taken + self.tokens.len();
        self.roll(self.cursor.mark, end, what)
    }

    fn push_indicator(&mut self, what: What<'t>) {
        self.push(what, self.cursor.mark);
        self.cursor.skip();
    }

    fn fetch_anchor(&mut self, byte: u8) -> Result<(), YamlError> {
        self.save_key()?;
        self.key_allowed = false;
        let mark = self.cursor.mark;
        let name = property::scan_anchor(&mut self.cursor)?;
        let what = match byte {
            b'*' => What::Alias(name),
            _ => What::Anchor(name),
        };
        self.push(what, mark);
        Ok(())
    }

    fn fetch_tag(&mut self) -> Result<(), YamlError> {
        self.save_key()?;
        self.key_allowed = false;
        let mark = self.cursor.mark;
        let what = property::scan_tag(&mut self.cursor)?;
        self.push(what, mark);
        Ok(())
    }

    fn fetch_block_scalar(&mut self, literal: bool) -> Result<(), YamlError> {
        self.forget_key()?;
        self.key_allowed = true;
        let mark = self.cursor.mark;
        let text = block::scan(&mut self.cursor, &mut self.comments, literal, self.indent)?;
        let style = if literal {
            Style::Literal
        } else {
            Style::Folded
        };
        self.push_scalar(Cow::Owned(text), style, mark);
        Ok(())
    }

    fn fetch_quoted(&mut self, single: bool) -> Result<(), YamlError> {
        self.save_key()?;
        self.key_allowed = false;
        let mark = self.cursor.mark;
        let text = quoted::scan(&mut self.cursor, single)?;
        if self.cursor.mark.line > mark.line && !self.may_end_here() {
            return Err(mark.error(Problem::OpenQuote(self.cursor.mark.line + 1)));
        }
        let style = if single {
            Style::SingleQuoted
        } else {
            Style::DoubleQuoted
        };
        self.push_scalar(text, style, mark);
        Ok(())
    }

    /// Whether what is left of the line can follow a quoted scalar.
    fn may_end_here(&self) -> bool {
        let rest = self.cursor.slice(self.cursor.pos, self.cursor.line_end());
        let next = rest.trim_start_matches([' ', '\t']).chars().next();
        next.is_none_or(|next| matches!(next, '#' | ',' | ']' | '}' | ':'))
    }

    fn fetch_plain(&mut self) -> Result<(), YamlError> {
        self.save_key()?;
        self.key_allowed = false;
        let mark = self.cursor.mark;
        let indent = u32::try_from(self.indent + 1).unwrap_or(0);
        let flow = self.in_flow();
        let plain = plain::scan(&mut self.cursor, indent, flow)?;
        self.key_allowed |= plain.ended_by_line;
        self.push_scalar(plain.text, Style::Plain, mark);
        Ok(())
    }

    fn push_scalar(&mut self, text: Cow<'t, str>, style: Style, mark: Mark) {
        self.push(What::Scalar { text, style }, mark);
    }
}

/// The column as an indentation, which may be -1.
fn column(mark: Mark) -> i32 {
    i32::try_from(mark.column).unwrap_or(i32::MAX)
}
