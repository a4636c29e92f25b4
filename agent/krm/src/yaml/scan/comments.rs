//! Comments that may say something: kustomize takes JSON in a comment beside a key for the schema of the value.
//!
//! Nothing of any other comment is kept but where it was.

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
}

impl<'t> Comments<'t> {
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

    fn note(&mut self, cursor: &Cursor<'t>) {
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
