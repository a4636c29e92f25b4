//! How a string is printed: go-yaml v2's choice of style, then libyaml's ways of writing each.

use std::borrow::Cow;

use super::character::{is_break, is_printable};
use super::error::WriteProblem;
use super::resolve::{self, Rules};
use super::sheet::Sheet;
use super::styles;
use crate::{Style, Tag};

/// Longest key, in bytes, that is printed without `?`.
const MAX_KEY: usize = 128;
/// Longest key, in characters of JSON with its quotes, that kustomize can read back.
const MAX_JSON_KEY: usize = 1024;

/// What a string allows, by libyaml's analysis for block context.
struct Analysis {
    plain: bool,
    single: bool,
    literal: bool,
}

/// Whether `key` can be printed without `?`.
pub(super) fn fits_key(key: &str) -> bool {
    key.len() <= MAX_KEY && !key.contains(is_break)
}

/// Prints a key that [`fits_key`].
#[inline]
pub(super) fn key(sheet: &mut Sheet<'_>, key: &str, indent: usize) -> Result<(), WriteProblem> {
    if is_simple(key) {
        sheet.push(key);
        return Ok(());
    }
    style(sheet, &printable(key)?, indent, false);
    Ok(())
}

/// Prints a key that does not fit.
pub(super) fn long_key(
    sheet: &mut Sheet<'_>,
    key: &str,
    indent: usize,
) -> Result<(), WriteProblem> {
    if key.contains('\u{85}') || json_width(key) + 2 > MAX_JSON_KEY {
        return Err(WriteProblem::Key);
    }
    text(sheet, key, indent)
}

/// Prints a string, its further lines indented by `indent`.
#[inline]
pub(super) fn text(sheet: &mut Sheet<'_>, text: &str, indent: usize) -> Result<(), WriteProblem> {
    if is_simple(text) {
        sheet.push(text);
        return Ok(());
    }
    style(sheet, &printable(text)?, indent, true);
    Ok(())
}

/// True for most strings: one word that is nothing but a string whichever way one looks at it.
#[inline]
fn is_simple(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    let starts = match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' => bytes.len() > 5,
        _ => first.is_ascii_alphabetic() || matches!(first, b'/' | b'$' | b'_'),
    };
    starts && *last != b':' && bytes.iter().all(u8::is_ascii_graphic)
}

fn style(sheet: &mut Sheet<'_>, text: &str, indent: usize, fold: bool) {
    if text.contains('\n') {
        return match fold && analyze(text).literal {
            true => styles::block(sheet, '|', text, indent, None),
            false => styles::double(sheet, text, indent, fold),
        };
    }
    if resolve::resolve(text, Rules::V2) != Tag::Str || resolve::is_base_60(text) {
        return styles::double(sheet, text, indent, fold);
    }
    match analyze(text) {
        Analysis { plain: true, .. } => styles::plain(sheet, text, indent, fold),
        Analysis { single: true, .. } => styles::single(sheet, text, indent, fold),
        _ => styles::double(sheet, text, indent, fold),
    }
}

/// The style in which go-yaml v3 prints a string that says nothing about it.
pub(crate) fn style_of(text: &str) -> Style {
    if text.contains('\n') {
        return match analyze(text).literal {
            true => Style::Literal,
            false => Style::DoubleQuoted,
        };
    }
    let is_string = resolve::resolve(text, Rules::V3) == Tag::Str
        && resolve::parse_bool(text, Rules::V2).is_none()
        && !resolve::is_base_60(text);
    match analyze(text) {
        Analysis { plain: true, .. } if is_string => Style::Plain,
        Analysis { single: true, .. } if is_string => Style::SingleQuoted,
        _ => Style::DoubleQuoted,
    }
}

fn analyze(text: &str) -> Analysis {
    let mut special = false;
    let mut breaks = false;
    let mut indicator = text.starts_with("---") || text.starts_with("...");
    let (mut space_break, mut break_space) = (false, false);
    let mut previous = None;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let blank_follows = matches!(characters.peek(), None | Some(' ' | '\t'));
        let after_blank =
            previous.is_none_or(|previous| matches!(previous, ' ' | '\t') || is_break(previous));
        indicator |= match character {
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@'
            | '`' => previous.is_none(),
            '#' => after_blank,
            ':' => blank_follows,
            '-' | '?' => previous.is_none() && blank_follows,
            _ => false,
        };
        special |= !is_printable(character);
        break_space |= character == ' ' && previous.is_some_and(is_break);
        space_break |= is_break(character) && previous == Some(' ');
        breaks |= is_break(character);
        previous = Some(character);
    }
    let outer_space = text.starts_with(' ') || text.ends_with(' ');
    Analysis {
        plain: !(indicator || special || breaks || outer_space),
        single: !(special || space_break || break_space),
        literal: !(special || space_break || text.ends_with(' ')),
    }
}

/// What is left of a string on its way through JSON, which kustomize reads as YAML: controls are refused, and
/// a `NEL` counts as a line break to be folded.
fn printable(text: &str) -> Result<Cow<'_, str>, WriteProblem> {
    if !text.bytes().any(|byte| byte >= 0x7F) {
        return Ok(Cow::Borrowed(text));
    }
    let refused =
        |c: &char| matches!(c, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
    match text.chars().find(refused) {
        Some(character) => Err(WriteProblem::ControlCharacter(u32::from(character))),
        None if text.contains('\u{85}') => fold_nel(text).map(Cow::Owned),
        None => Ok(Cow::Borrowed(text)),
    }
}

fn fold_nel(text: &str) -> Result<String, WriteProblem> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{85}') {
        out.push_str(rest[..at].trim_end_matches(' '));
        let after = rest[at..].trim_start_matches([' ', '\u{85}']);
        let gap = &rest[at..rest.len() - after.len()];
        match gap.matches('\u{85}').count() {
            1 => out.push(' '),
            count => out.extend(std::iter::repeat_n('\n', count - 1)),
        }
        rest = after;
        let at_margin = gap.ends_with('\u{85}');
        let marker = rest.starts_with("---") || rest.starts_with("...");
        if at_margin && marker && rest[3..].starts_with(' ') {
            return Err(WriteProblem::ControlCharacter(0x85));
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Characters of the string in JSON, without its quotes.
fn json_width(text: &str) -> usize {
    let width = |character| match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => 6,
        _ => 1,
    };
    text.chars().map(width).sum()
}
