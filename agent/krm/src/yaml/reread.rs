//! Block scalars that change when kustomize prints and reads them once more.
//!
//! On its way out kustomize writes each object with go-yaml v3 and reads that again before it turns it into JSON.
//! Two faults of that writer show in the result: in a folded scalar it adds line breaks, and in any block scalar
//! a tab in front makes the text unreadable. Quoted scalars come through unharmed.

use std::borrow::Cow;

use super::character::{is_break, is_printable};
use super::cursor::Cursor;
use super::error::YamlError;
use super::scan::{block, comments::Comments};
use super::sheet::Sheet;
use super::styles;
use crate::{Scalar, Style};

/// The text of a string scalar after one more writing and reading.
pub(super) fn reread(scalar: &Scalar) -> Result<Cow<'_, str>, YamlError> {
    let text = scalar.text.as_str();
    let exposed = match scalar.style {
        Style::SingleQuoted | Style::DoubleQuoted => false,
        Style::Folded => text.contains('\n') || text.starts_with('\t'),
        Style::Literal => text.starts_with('\t'),
        Style::Plain => text.starts_with('\t') && text.contains('\n'),
    };
    if !exposed || !is_block_allowed(text) {
        return Ok(Cow::Borrowed(text));
    }
    let mut written = String::new();
    match scalar.style {
        Style::Folded => write_folded(&mut written, text),
        _ => styles::literal(&mut Sheet::new(&mut written), text, 2),
    }
    let literal = scalar.style != Style::Folded;
    block::scan(
        &mut Cursor::new(&written, 0),
        &mut Comments::default(),
        literal,
        0,
    )
    .map(Cow::Owned)
}

/// Version 3's condition; unlike version 2 it does not mind tabs.
fn is_block_allowed(text: &str) -> bool {
    let mut previous = None;
    let fits = text.chars().all(|character| {
        let space_break = previous == Some(' ') && is_break(character);
        previous = Some(character);
        !space_break && (character == '\t' || is_printable(character))
    });
    fits && !text.ends_with(' ')
}

/// Writes a folded scalar as version 3 does. Whether a line break is doubled should depend on the line after
/// it, but version 3 looks at the start of the text each time.
fn write_folded(out: &mut String, text: &str) {
    let mut sheet = Sheet::new(out);
    sheet.push_char('>');
    styles::block_hints(&mut sheet, text);
    sheet.break_with('\n');
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
                sheet.start_line(2);
                leading_blank = matches!(character, ' ' | '\t');
            }
            sheet.push_char(character);
            breaks = false;
        }
    }
    sheet.end_line();
}
