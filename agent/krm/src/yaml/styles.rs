//! The ways to write a string in YAML, as libyaml lays them out: folded past column 80.

use std::fmt::Write;

use super::character::{is_break, is_printable};
use super::sheet::Sheet;

/// Lines are folded at the first chance past this column.
const WIDTH: usize = 80;

/// Without quotes. `text` holds no line break and no blank at its ends.
pub(super) fn plain(sheet: &mut Sheet<'_>, text: &str, indent: usize, fold: bool) {
    if !fold || sheet.width() + text.len() <= WIDTH {
        sheet.push(text);
        return;
    }
    let mut column = sheet.column();
    let mut words = text.split(' ').peekable();
    let mut after_space = false;
    while let Some(word) = words.next() {
        sheet.push(word);
        column += word.chars().count();
        after_space &= word.is_empty();
        let Some(next) = words.peek() else {
            return;
        };
        if !after_space && column > WIDTH && !next.is_empty() {
            sheet.start_line(indent);
            column = indent;
        } else {
            sheet.push_char(' ');
            column += 1;
        }
        after_space = true;
    }
}

/// In single quotes.
pub(super) fn single(sheet: &mut Sheet<'_>, text: &str, indent: usize, fold: bool) {
    sheet.push_char('\'');
    let mut column = sheet.column();
    let (mut spaces, mut breaks) = (false, false);
    for (at, character) in text.char_indices() {
        let rest = &text[at + character.len_utf8()..];
        if character == ' ' {
            if fold
                && !spaces
                && column > WIDTH
                && at > 0
                && !rest.is_empty()
                && !rest.starts_with(' ')
            {
                sheet.start_line(indent);
                column = indent;
            } else {
                sheet.push_char(' ');
                column += 1;
            }
            spaces = true;
        } else if is_break(character) {
            sheet.break_with(character);
            column = 0;
            breaks = true;
        } else {
            if breaks {
                sheet.start_line(indent);
                column = indent;
            }
            if character == '\'' {
                sheet.push_char('\'');
                column += 1;
            }
            sheet.push_char(character);
            column += 1;
            (spaces, breaks) = (false, false);
        }
    }
    sheet.push_char('\'');
}

/// In double quotes.
pub(super) fn double(sheet: &mut Sheet<'_>, text: &str, indent: usize, fold: bool) {
    sheet.push_char('"');
    let mut column = sheet.column();
    let mut spaces = false;
    // libyaml looks for a byte order mark at the start of the string, whichever character it is at.
    let escape_all = text.starts_with('\u{feff}');
    for (at, character) in text.char_indices() {
        let rest = &text[at + character.len_utf8()..];
        if escape_all || needs_escape(character) {
            column += escape(sheet, character);
            spaces = false;
        } else if character == ' ' {
            if fold && !spaces && column > WIDTH && at > 0 && !rest.is_empty() {
                sheet.start_line(indent);
                column = indent;
                if rest.starts_with(' ') {
                    sheet.push_char('\\');
                    column += 1;
                }
            } else {
                sheet.push_char(' ');
                column += 1;
            }
            spaces = true;
        } else {
            sheet.push_char(character);
            column += 1;
            spaces = false;
        }
    }
    sheet.push_char('"');
}

/// As a block of lines after its mark, `|` or `>`, and a comment.
pub(super) fn block(
    sheet: &mut Sheet<'_>,
    mark: char,
    text: &str,
    indent: usize,
    comment: Option<&str>,
) {
    sheet.push_char(mark);
    block_hints(sheet, text);
    if let Some(comment) = comment {
        sheet.push_char(' ');
        sheet.push(comment);
    }
    sheet.break_with('\n');
    match mark {
        '>' => folded(sheet, text, indent),
        _ => literal(sheet, text, indent),
    }
}

fn literal(sheet: &mut Sheet<'_>, text: &str, indent: usize) {
    for line in text.split_inclusive(is_break) {
        let content = line.trim_end_matches(is_break);
        if !content.is_empty() {
            sheet.start_line(indent);
            sheet.push(content);
        }
        if let Some(character) = line[content.len()..].chars().next() {
            sheet.break_with(character);
        }
    }
}

/// As version 3 does it. Whether a line break is doubled should depend on the line after it, but version 3 looks at
/// the start of the text each time.
fn folded(sheet: &mut Sheet<'_>, text: &str, indent: usize) {
    let first = text.trim_start_matches(is_break).chars().next();
    let doubled = first.is_some_and(|first| !matches!(first, ' ' | '\t'));
    let mut leading_blank = true;
    let mut breaks = true;
    for character in text.chars() {
        if is_break(character) {
            if !breaks && !leading_blank && character == '\n' && doubled {
                sheet.break_with('\n');
            }
            sheet.break_with(character);
            breaks = true;
        } else {
            if breaks {
                sheet.start_line(indent);
                leading_blank = matches!(character, ' ' | '\t');
            }
            sheet.push_char(character);
            breaks = false;
        }
    }
    sheet.end_line();
}

/// The indentation and chomping that the header of a block scalar must give.
fn block_hints(sheet: &mut Sheet<'_>, text: &str) {
    if text.starts_with(' ') || text.starts_with(is_break) {
        sheet.push_char('2');
    }
    let mut ends = text.chars().rev();
    let last_breaks = ends.next().is_some_and(is_break);
    let one_before_breaks = ends.next().is_none_or(is_break);
    match (last_breaks, one_before_breaks) {
        (false, _) => sheet.push_char('-'),
        (true, true) => sheet.push_char('+'),
        (true, false) => {}
    }
}

fn needs_escape(character: char) -> bool {
    !is_printable(character) || is_break(character) || matches!(character, '"' | '\\')
}

/// Writes an escape and returns its width.
fn escape(sheet: &mut Sheet<'_>, character: char) -> usize {
    let short = match character {
        '\0' => "\\0",
        '\u{7}' => "\\a",
        '\u{8}' => "\\b",
        '\t' => "\\t",
        '\n' => "\\n",
        '\u{b}' => "\\v",
        '\u{c}' => "\\f",
        '\r' => "\\r",
        '\u{1b}' => "\\e",
        '"' => "\\\"",
        '\\' => "\\\\",
        '\u{85}' => "\\N",
        '\u{a0}' => "\\_",
        '\u{2028}' => "\\L",
        '\u{2029}' => "\\P",
        _ => "",
    };
    if !short.is_empty() {
        sheet.push(short);
        return short.len();
    }
    let mut long = String::new();
    let code = u32::from(character);
    let written = match code {
        0..=0xFF => write!(long, "\\x{code:02X}"),
        0x100..=0xFFFF => write!(long, "\\u{code:04X}"),
        _ => write!(long, "\\U{code:08X}"),
    };
    debug_assert!(written.is_ok(), "writing to a string does not fail");
    sheet.push(&long);
    long.len()
}
