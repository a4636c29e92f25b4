//! Plain scalars: text without quotes, perhaps over several lines.

use std::borrow::Cow;

use crate::yaml::cursor::Cursor;
use crate::yaml::error::YamlError;

/// What a plain scalar said.
pub(super) struct Plain<'t> {
    pub text: Cow<'t, str>,
    /// It ended on a later line than its last word, so a key may follow.
    pub ended_by_line: bool,
}

/// Line breaks between two lines of a scalar, folded once the second line is seen to exist.
#[derive(Default)]
pub(super) struct Breaks {
    pub first: String,
    pub more: String,
}

impl Breaks {
    /// Appends what the breaks mean: one is a space, more are one fewer line feeds.
    pub(super) fn fold(&mut self, out: &mut String) {
        match self.first.starts_with('\n') {
            true if self.more.is_empty() => out.push(' '),
            true => out.push_str(&self.more),
            false => {
                out.push_str(&self.first);
                out.push_str(&self.more);
            }
        }
        self.first.clear();
        self.more.clear();
    }
}

/// Reads the plain scalar here. Its later lines must be indented by `indent`, except in flow collections.
pub(super) fn scan<'t>(
    cursor: &mut Cursor<'t>,
    indent: u32,
    flow: bool,
) -> Result<Plain<'t>, YamlError> {
    let start = cursor.mark;
    let mut done = String::new();
    let mut lines = 0;
    let mut breaks = Breaks::default();
    let mut new_line = false;
    // The part of the current line that belongs to the scalar, blanks between words included.
    let (mut from, mut to) = (cursor.pos, cursor.pos);

    while !cursor.at_document_indicator() && cursor.peek(0) != b'#' {
        let end = word_end(cursor, flow);
        if end > cursor.pos {
            if new_line {
                breaks.fold(&mut done);
                new_line = false;
                from = cursor.pos;
            }
            cursor.skip_to(end);
            to = end;
        }
        if !cursor.at_blank(0) && !cursor.at_break(0) {
            break;
        }
        while cursor.at_blank(0) || cursor.at_break(0) {
            if cursor.at_blank(0) {
                if new_line && cursor.mark.column < indent && cursor.peek(0) == b'\t' {
                    return Err(
                        start.syntax("found a tab where a plain scalar must be indented by spaces")
                    );
                }
                cursor.skip();
            } else if new_line {
                cursor.read_line(&mut breaks.more);
            } else {
                done.push_str(cursor.slice(from, to));
                (from, to) = (cursor.pos, cursor.pos);
                lines += 1;
                cursor.read_line(&mut breaks.first);
                new_line = true;
            }
        }
        if !flow && cursor.mark.column < indent {
            break;
        }
    }
    let text = if lines == 0 {
        Cow::Borrowed(cursor.slice(from, to))
    } else {
        done.push_str(cursor.slice(from, to));
        Cow::Owned(done)
    };
    Ok(Plain {
        text,
        ended_by_line: new_line,
    })
}

/// Where the run of characters that belong to the scalar ends.
fn word_end(cursor: &Cursor<'_>, flow: bool) -> usize {
    let mut ahead = 0;
    loop {
        match cursor.peek(ahead) {
            0 | b' ' | b'\t' | b'\n' => break,
            b':' if cursor.at_blankz(ahead + 1) => break,
            b',' | b'?' | b'[' | b']' | b'{' | b'}' if flow => break,
            b'\r' | 0xC2 | 0xE2 if cursor.at_break(ahead) => break,
            _ => ahead += 1,
        }
    }
    cursor.pos + ahead
}
