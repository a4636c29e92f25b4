//! From a file to the texts of its documents.
//!
//! kustomize cuts a file at every line that starts with `---`, before any YAML is understood, and reads each
//! piece on its own. So a directive or an anchor never reaches the next document.

use super::error::{Place, Problem, YamlError};
use super::limits::Limits;

/// One document's text and the line of the file it starts on, counted from 0.
pub(super) struct Piece<'t> {
    pub text: &'t str,
    pub line: u32,
}

/// Checks encoding, characters and size; a byte order mark at the front is dropped.
pub(super) fn decode<'t>(bytes: &'t [u8], limits: &Limits) -> Result<&'t str, YamlError> {
    let first = Place { line: 1, column: 1 };
    let at_start = |problem| YamlError {
        place: first,
        problem,
    };
    if bytes.len() > limits.bytes {
        return Err(at_start(Problem::TooMuch {
            what: "bytes",
            limit: limits.bytes,
        }));
    }
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(at_start(Problem::Utf16));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| YamlError {
        place: place_of(&bytes[..error.valid_up_to()]),
        problem: Problem::NotUtf8,
    })?;
    match forbidden(text) {
        Some((at, character)) => Err(YamlError {
            place: place_of(&bytes[..at]),
            problem: Problem::ControlCharacter(u32::from(character)),
        }),
        None => Ok(text),
    }
}

/// All of `text`, uncut.
pub(super) fn whole(text: &str) -> Vec<Piece<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    vec![Piece { text, line: 0 }]
}

/// Whether there is a separator line to cut at, be it before nothing or behind nothing.
pub(super) fn is_cut(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = rest.windows(4).position(|four| four == b"\n---") {
        rest = &rest[at + 4..];
        if rest.contains(&b'\n') {
            return true;
        }
    }
    false
}

/// Cuts `text` at its separator lines.
pub(super) fn split(text: &str) -> Result<Vec<Piece<'_>>, YamlError> {
    let mut pieces = Vec::new();
    let (mut from, mut line, mut search) = (0, 0, 0);
    while let Some(found) = text[search..].find("\n---") {
        let at = search + found;
        let Some(length) = text[at + 1..].find('\n') else {
            break;
        };
        let end = at + 1 + length;
        let after = text[at + 4..end].trim();
        // The line feed before the separator belongs to the piece, so that a literal keeps its last one.
        let piece = &text[from..=at];
        let next_line = line + count_lines(&text[from..=end]);
        if !after.is_empty() && !after.starts_with('#') {
            return Err(YamlError::new(next_line, 1, Problem::Separator));
        }
        pieces.push(Piece { text: piece, line });
        (from, line, search) = (end + 1, next_line, end + 1);
    }
    pieces.push(Piece {
        text: &text[from..],
        line,
    });
    for piece in &mut pieces {
        piece.text = piece.text.strip_prefix('\u{feff}').unwrap_or(piece.text);
    }
    Ok(pieces)
}

/// The first character that YAML forbids.
fn forbidden(text: &str) -> Option<(usize, char)> {
    let suspicious =
        |byte: u8| byte >= 0x7F || byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
    if !text.bytes().any(suspicious) {
        return None;
    }
    text.char_indices().find(|(_, character)| {
        !matches!(character,
            '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
    })
}

fn place_of(before: &[u8]) -> Place {
    let line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let lines = before.split(|byte| *byte == b'\n').count();
    let columns = before[line_start..]
        .iter()
        .filter(|byte| **byte & 0xC0 != 0x80)
        .count();
    Place {
        line: u32::try_from(lines).unwrap_or(u32::MAX),
        column: u32::try_from(columns + 1).unwrap_or(u32::MAX),
    }
}

fn count_lines(text: &str) -> u32 {
    let lines = text.bytes().filter(|byte| *byte == b'\n').count();
    u32::try_from(lines).unwrap_or(u32::MAX)
}
