//! Single and double quoted scalars.

use std::borrow::Cow;

use super::plain::Breaks;
use crate::yaml::cursor::{Cursor, Mark};
use crate::yaml::error::YamlError;

/// Reads the quoted scalar here.
pub(super) fn scan<'t>(cursor: &mut Cursor<'t>, single: bool) -> Result<Cow<'t, str>, YamlError> {
    let start = cursor.mark;
    cursor.skip();
    match simple_end(cursor, single) {
        Some(end) => {
            let from = cursor.pos;
            cursor.skip_to(end);
            cursor.skip();
            Ok(Cow::Borrowed(cursor.slice(from, end)))
        }
        None => scan_slowly(cursor, single, start).map(Cow::Owned),
    }
}

/// The offset of the closing quote if nothing before it needs a second look.
fn simple_end(cursor: &Cursor<'_>, single: bool) -> Option<usize> {
    let mut ahead = 0;
    loop {
        match cursor.peek(ahead) {
            0 | b'\n' => return None,
            b'\'' if single => {
                return (cursor.peek(ahead + 1) != b'\'').then_some(cursor.pos + ahead);
            }
            b'"' if !single => return Some(cursor.pos + ahead),
            b'\\' if !single => return None,
            b'\r' | 0xC2 | 0xE2 if cursor.at_break(ahead) => return None,
            _ => ahead += 1,
        }
    }
}

fn scan_slowly(cursor: &mut Cursor<'_>, single: bool, start: Mark) -> Result<String, YamlError> {
    let mut out = String::new();
    let quote = if single { b'\'' } else { b'"' };
    loop {
        if cursor.at_document_indicator() {
            return Err(
                start.syntax("a quoted scalar runs into a document marker; close the quote")
            );
        }
        if cursor.at_end() {
            return Err(start.syntax("a quoted scalar is never closed"));
        }
        let continued = scan_word(cursor, single, start, &mut out)?;
        if cursor.peek(0) == quote {
            cursor.skip();
            return Ok(out);
        }
        scan_gap(cursor, continued, &mut out);
    }
}

/// Reads up to a blank, a line break, the closing quote or an escaped line break; true after the last.
fn scan_word(
    cursor: &mut Cursor<'_>,
    single: bool,
    start: Mark,
    out: &mut String,
) -> Result<bool, YamlError> {
    while !cursor.at_blankz(0) {
        match cursor.peek(0) {
            b'\'' if single && cursor.peek(1) == b'\'' => {
                out.push('\'');
                cursor.skip_many(2);
            }
            b'\'' if single => break,
            b'"' if !single => break,
            b'\\' if !single && cursor.at_break(1) => {
                cursor.skip();
                cursor.skip_line();
                return Ok(true);
            }
            b'\\' if !single => scan_escape(cursor, start, out)?,
            _ => {
                let from = cursor.pos;
                cursor.skip();
                out.push_str(cursor.slice(from, cursor.pos));
            }
        }
    }
    Ok(false)
}

/// Reads blanks and line breaks between words. After an escaped line break, blanks mean nothing.
fn scan_gap(cursor: &mut Cursor<'_>, continued: bool, out: &mut String) {
    let mut new_line = continued;
    let mut blanks = String::new();
    let mut breaks = Breaks::default();
    while cursor.at_blank(0) || cursor.at_break(0) {
        if cursor.at_blank(0) {
            if !new_line {
                blanks.push(char::from(cursor.peek(0)));
            }
            cursor.skip();
            continue;
        }
        match new_line {
            true => cursor.read_line(&mut breaks.more),
            false => cursor.read_line(&mut breaks.first),
        }
        new_line = true;
    }
    match new_line {
        true => breaks.fold(out),
        false => out.push_str(&blanks),
    }
}

fn scan_escape(cursor: &mut Cursor<'_>, start: Mark, out: &mut String) -> Result<(), YamlError> {
    let digits = match cursor.peek(1) {
        b'x' => 2,
        b'u' => 4,
        b'U' => 8,
        byte => {
            out.push(
                short_escape(byte)
                    .ok_or_else(|| start.syntax("unknown escape in double quotes"))?,
            );
            cursor.skip_many(2);
            return Ok(());
        }
    };
    cursor.skip_many(2);
    let mut value: u32 = 0;
    for ahead in 0..digits {
        let digit = char::from(cursor.peek(ahead))
            .to_digit(16)
            .ok_or_else(|| start.syntax("an escape in double quotes needs hexadecimal digits"))?;
        value = (value << 4) | digit;
    }
    let character = char::from_u32(value)
        .ok_or_else(|| start.syntax("an escape in double quotes is no Unicode character"))?;
    out.push(character);
    cursor.skip_many(digits);
    Ok(())
}

fn short_escape(byte: u8) -> Option<char> {
    Some(match byte {
        b'0' => '\0',
        b'a' => '\u{7}',
        b'b' => '\u{8}',
        b't' | b'\t' => '\t',
        b'n' => '\n',
        b'v' => '\u{b}',
        b'f' => '\u{c}',
        b'r' => '\r',
        b'e' => '\u{1b}',
        b' ' => ' ',
        b'"' => '"',
        b'\'' => '\'',
        b'\\' => '\\',
        b'N' => '\u{85}',
        b'_' => '\u{a0}',
        b'L' => '\u{2028}',
        b'P' => '\u{2029}',
        _ => return None,
    })
}
