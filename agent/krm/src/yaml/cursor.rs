//! A position in a text that knows its line and column.
//!
//! Knows what counts as a blank and as a line break in YAML 1.1 (`NEL`, `LS` and `PS` do), and nothing of tokens.

use super::error::{Problem, YamlError};

/// A place in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Characters before it.
    pub index: usize,
    /// Lines before it.
    pub line: u32,
    /// Characters before it on its line.
    pub column: u32,
}

/// Reads a text from front to back. The text holds no NUL, so that 0 can stand for its end.
pub(super) struct Cursor<'t> {
    text: &'t str,
    /// Byte offset of the next character.
    pub pos: usize,
    /// The same place, for people.
    pub mark: Mark,
}

impl Mark {
    pub(super) fn error(self, problem: Problem) -> YamlError {
        YamlError::new(self.line + 1, self.column + 1, problem)
    }

    pub(super) fn syntax(self, text: &'static str) -> YamlError {
        self.error(Problem::Syntax(text))
    }
}

impl<'t> Cursor<'t> {
    /// Starts at the beginning of `text`, which is on line `line` of its file, counted from 0.
    pub(super) fn new(text: &'t str, line: u32) -> Self {
        let mark = Mark {
            line,
            ..Mark::default()
        };
        Self { text, pos: 0, mark }
    }

    /// The byte `ahead` bytes from here, or 0 past the end.
    #[inline]
    pub(super) fn peek(&self, ahead: usize) -> u8 {
        self.text
            .as_bytes()
            .get(self.pos + ahead)
            .copied()
            .unwrap_or(0)
    }

    pub(super) fn slice(&self, from: usize, to: usize) -> &'t str {
        &self.text[from..to]
    }

    /// What stands on this line before here.
    pub(super) fn line_so_far(&self) -> &'t str {
        let before = &self.text[..self.pos];
        before.rsplit('\n').next().unwrap_or_default()
    }

    /// The line before this one.
    pub(super) fn line_above(&self) -> Option<&'t str> {
        self.text[..self.pos].rsplit('\n').nth(1)
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.pos..]
    }

    pub(super) fn at_end(&self) -> bool {
        self.pos >= self.text.len()
    }

    pub(super) fn at_blank(&self, ahead: usize) -> bool {
        matches!(self.peek(ahead), b' ' | b'\t')
    }

    /// Bytes of the line break `ahead` bytes from here; 0 if there is none.
    #[inline]
    pub(super) fn break_len(&self, ahead: usize) -> usize {
        break_len(self.text.as_bytes(), self.pos + ahead)
    }

    pub(super) fn at_break(&self, ahead: usize) -> bool {
        self.break_len(ahead) > 0
    }

    /// A line break or the end.
    #[inline]
    pub(super) fn at_breakz(&self, ahead: usize) -> bool {
        let byte = self.peek(ahead);
        byte == 0 || byte == b'\n' || self.at_break(ahead)
    }

    /// A blank, a line break or the end.
    #[inline]
    pub(super) fn at_blankz(&self, ahead: usize) -> bool {
        self.at_blank(ahead) || self.at_breakz(ahead)
    }

    /// True at `---` or `...` on a line of its own or before a blank.
    pub(super) fn at_document_indicator(&self) -> bool {
        self.mark.column == 0
            && (self.rest().starts_with("---") || self.rest().starts_with("..."))
            && self.at_blankz(3)
    }

    /// Steps over one character that is not a line break.
    #[inline]
    pub(super) fn skip(&mut self) {
        self.pos += match self.peek(0) {
            0 => return,
            byte if byte < 0x80 => 1,
            byte if byte < 0xE0 => 2,
            byte if byte < 0xF0 => 3,
            _ => 4,
        };
        self.mark.index += 1;
        self.mark.column += 1;
    }

    /// Steps over `count` characters, none of them a line break.
    pub(super) fn skip_many(&mut self, count: usize) {
        (0..count).for_each(|_| self.skip());
    }

    /// Steps over all bytes up to `end` on this line.
    pub(super) fn skip_to(&mut self, end: usize) {
        let bytes = &self.text.as_bytes()[self.pos..end];
        let chars = bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        self.pos = end;
        self.mark.index += chars;
        self.mark.column += u32::try_from(chars).unwrap_or(u32::MAX);
    }

    /// Steps over a line break, if there is one here.
    pub(super) fn skip_line(&mut self) {
        let len = self.break_len(0);
        if len == 0 {
            return;
        }
        let crlf = len == 2 && self.peek(0) == b'\r';
        self.pos += len;
        self.mark.index += if crlf { 2 } else { 1 };
        self.mark.column = 0;
        self.mark.line += 1;
    }

    /// Steps over a line break and appends what it means: `LS` and `PS` are kept, the others become `\n`.
    pub(super) fn read_line(&mut self, out: &mut String) {
        let from = self.pos;
        self.skip_line();
        match self.slice(from, self.pos) {
            "" => {}
            kept @ ("\u{2028}" | "\u{2029}") => out.push_str(kept),
            _ => out.push('\n'),
        }
    }

    /// The offset of the end of this line.
    pub(super) fn line_end(&self) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = self.pos;
        while at < bytes.len() && break_len(bytes, at) == 0 {
            at += 1;
        }
        at
    }
}

#[inline]
fn break_len(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b'\n') => 1,
        Some(b'\r') => 1 + usize::from(bytes.get(at + 1) == Some(&b'\n')),
        Some(0xC2) if bytes.get(at + 1) == Some(&0x85) => 2,
        Some(0xE2)
            if bytes.get(at + 1) == Some(&0x80)
                && matches!(bytes.get(at + 2), Some(0xA8 | 0xA9)) =>
        {
            3
        }
        _ => 0,
    }
}
