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
    let literal = scalar.style != Style::Folded;
    let mark = if literal { '|' } else { '>' };
    styles::block(&mut Sheet::new(&mut written), mark, text, 2, None);
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
