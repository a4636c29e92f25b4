//! Literal (`|`) and folded (`>`) scalars.

use super::comments::Comments;
use crate::yaml::cursor::{Cursor, Mark};
use crate::yaml::error::YamlError;

/// What happens to line breaks at the end.
#[derive(Clone, Copy, PartialEq)]
enum Chomp {
    Strip,
    Clip,
    Keep,
}

struct Header {
    chomp: Chomp,
    /// Indentation relative to the parent, if given.
    increment: u32,
}

/// Reads the block scalar here; `parent` is the indentation of the surrounding block, -1 at the top.
pub(in crate::yaml) fn scan<'t>(
    cursor: &mut Cursor<'t>,
    comments: &mut Comments<'t>,
    literal: bool,
    parent: i32,
) -> Result<String, YamlError> {
    let start = cursor.mark;
    cursor.skip();
    let header = scan_header(cursor, comments, start)?;
    let least = u32::try_from(parent + 1).unwrap_or(0);
    let base = least.saturating_sub(1);
    let mut indent = match header.increment {
        0 => 0,
        increment => base + increment,
    };
    let (mut out, mut line_break, mut blank_lines) = (String::new(), String::new(), String::new());
    scan_breaks(cursor, &mut indent, least, start, &mut blank_lines)?;
    let mut previous_blank = false;
    while cursor.mark.column == indent && !cursor.at_end() {
        let blank = cursor.at_blank(0);
        if !literal && !previous_blank && !blank && line_break.starts_with('\n') {
            if blank_lines.is_empty() {
                out.push(' ');
            }
        } else {
            out.push_str(&line_break);
        }
        line_break.clear();
        out.push_str(&blank_lines);
        blank_lines.clear();
        previous_blank = blank;
        let from = cursor.pos;
        cursor.skip_to(cursor.line_end());
        out.push_str(cursor.slice(from, cursor.pos));
        cursor.read_line(&mut line_break);
        scan_breaks(cursor, &mut indent, least, start, &mut blank_lines)?;
    }
    if header.chomp != Chomp::Strip {
        out.push_str(&line_break);
    }
    if header.chomp == Chomp::Keep {
        out.push_str(&blank_lines);
    }
    Ok(out)
}

/// Reads what may follow `|` on its line: chomping and indentation in either order, a comment.
fn scan_header<'t>(
    cursor: &mut Cursor<'t>,
    comments: &mut Comments<'t>,
    start: Mark,
) -> Result<Header, YamlError> {
    let mut header = Header {
        chomp: Chomp::Clip,
        increment: 0,
    };
    let (mut chomp_seen, mut digit_seen) = (false, false);
    loop {
        match cursor.peek(0) {
            sign @ (b'+' | b'-') if !chomp_seen => {
                chomp_seen = true;
                header.chomp = if sign == b'+' {
                    Chomp::Keep
                } else {
                    Chomp::Strip
                };
            }
            b'0' if !digit_seen => {
                return Err(start.syntax("the indentation of a block scalar cannot be 0"));
            }
            digit @ b'1'..=b'9' if !digit_seen => {
                digit_seen = true;
                header.increment = u32::from(digit - b'0');
            }
            _ => break,
        }
        cursor.skip();
    }
    while cursor.at_blank(0) {
        cursor.skip();
    }
    if cursor.peek(0) == b'#' {
        comments.of_block(cursor);
        cursor.skip_to(cursor.line_end());
    }
    if !cursor.at_breakz(0) {
        return Err(start.syntax("only a comment may follow the header of a block scalar"));
    }
    cursor.skip_line();
    Ok(header)
}

/// Steps over indentation and empty lines, and finds the indentation if it is still 0.
fn scan_breaks(
    cursor: &mut Cursor<'_>,
    indent: &mut u32,
    least: u32,
    start: Mark,
    breaks: &mut String,
) -> Result<(), YamlError> {
    let mut deepest = 0;
    loop {
        let inside = |cursor: &Cursor<'_>| *indent == 0 || cursor.mark.column < *indent;
        while inside(cursor) && cursor.peek(0) == b' ' {
            cursor.skip();
        }
        deepest = deepest.max(cursor.mark.column);
        if inside(cursor) && cursor.peek(0) == b'\t' {
            return Err(start.syntax("found a tab where a block scalar must be indented by spaces"));
        }
        if !cursor.at_break(0) {
            break;
        }
        cursor.read_line(breaks);
    }
    if *indent == 0 {
        *indent = deepest.max(least).max(1);
    }
    Ok(())
}
