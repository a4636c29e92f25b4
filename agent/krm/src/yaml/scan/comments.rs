//! Comments that may say something: kustomize takes JSON in a comment beside a key for the schema of the value.
//!
//! Nothing of any other comment is kept but where it was, unless the text is to be printed in its own layout.

use crate::yaml::cursor::Cursor;

/// The last comments that were seen. Lines count from 0.
#[derive(Default)]
pub(in crate::yaml) struct Comments<'t> {
    /// On lines of their own: the line, and whether the line before it is a comment too.
    own_line: Option<(u32, bool)>,
    /// Behind something.
    behind: Option<u32>,
    /// The last that looks like JSON, with its line.
    json: Option<(u32, &'t str)>,
    /// All of them, if somebody wants them.
    kept: Option<Vec<Comment<'t>>>,
}

/// A comment and what is around it.
pub(in crate::yaml) struct Comment<'t> {
    /// Its line, counted from 0.
    pub(in crate::yaml) line: u32,
    /// Where its `#` stands.
    pub(in crate::yaml) column: u32,
    /// With the `#`.
    pub(in crate::yaml) text: &'t str,
    /// Nothing stands before it on its line.
    pub(in crate::yaml) alone: bool,
    /// The line before is blank, or there is none.
    pub(in crate::yaml) after_blank: bool,
    /// The line after is blank, or there is none.
    pub(in crate::yaml) before_blank: bool,
}

impl<'t> Comments<'t> {
    /// Whether to remember all of them.
    pub(in crate::yaml) fn keep(&mut self, keep: bool) {
        self.kept = keep.then(Vec::new);
    }

    /// All comments, if they were to be kept.
    pub(in crate::yaml) fn kept(&self) -> &[Comment<'t>] {
        self.kept.as_deref().unwrap_or_default()
    }

    /// Notes the comment at the cursor, which stands on a line of its own, or behind something whose comment is
    /// not looked for.
    pub(super) fn own_line(&mut self, cursor: &Cursor<'t>) {
        let line = cursor.mark.line;
        let follows = self
            .own_line
            .is_some_and(|(before, _)| line > 0 && before == line - 1);
        self.own_line = Some((line, follows));
        self.note(cursor);
    }

    /// Notes the comment after the blanks at the cursor, behind a token. One that ends only where the next line
    /// begins, as a plain scalar does, has none behind it.
    pub(super) fn behind(&mut self, cursor: &Cursor<'t>) {
        if cursor.line_so_far().trim_ascii().is_empty() {
            return self.own_line(cursor);
        }
        self.behind = Some(cursor.mark.line);
        self.note(cursor);
    }

    /// Notes the comment at the cursor, behind the mark of a block of lines, which has no types.
    pub(super) fn of_block(&mut self, cursor: &Cursor<'t>) {
        if let Some(kept) = self.kept.as_mut() {
            let text = cursor.slice(cursor.pos, cursor.line_end());
            kept.push(Comment::at(cursor, text));
        }
    }

    fn note(&mut self, cursor: &Cursor<'t>) {
        self.of_block(cursor);
        let line = cursor.mark.line;
        let text = cursor.slice(cursor.pos, cursor.line_end());
        let text = text.trim_start().trim_start_matches('#').trim();
        if text.starts_with('{') {
            self.json = Some((line, text));
        }
    }

    /// The JSON behind the last token of line `line`.
    pub(in crate::yaml) fn json_behind(&self, line: u32) -> Option<&'t str> {
        self.json
            .filter(|(at, _)| *at == line && self.behind == Some(line))
            .map(|(_, text)| text)
    }

    /// The JSON that belongs to a key on line `line`: behind it, or alone on the line above.
    pub(in crate::yaml) fn json_of_key(&self, line: u32) -> Option<&'t str> {
        if self.behind == Some(line) {
            return self.json_behind(line);
        }
        let above = line.checked_sub(1)?;
        let (at, text) = self.json?;
        (at == above && self.own_line == Some((above, false))).then_some(text)
    }
}

impl<'t> Comment<'t> {
    /// The comment in `text`, which is the rest of the line from the cursor on.
    fn at(cursor: &Cursor<'t>, text: &'t str) -> Self {
        let comment = text.trim();
        let blanks = text.len() - text.trim_start().len();
        let below = cursor.rest()[text.len()..].split('\n').nth(1);
        let above = cursor.line_above();
        Self {
            line: cursor.mark.line,
            column: cursor.mark.column + u32::try_from(blanks).unwrap_or_default(),
            text: comment,
            alone: cursor.line_so_far().trim_ascii().is_empty(),
            after_blank: above.is_none_or(|line| line.trim().is_empty()),
            before_blank: below.is_none_or(|line| line.trim().is_empty()),
        }
    }
}
