//! YAML in the dialect of kustomize.
//!
//! [`read`] understands a text as kustomize 5.8 does, down to which plain scalar is a number, and [`write()`]
//! prints the bytes that `kustomize build` prints. The scanner is our own, after the rules of libyaml and
//! go-yaml: parsers of YAML 1.2 read tabs, `:` in flow collections, Unicode line breaks and multi-line keys
//! differently, and a different reading is a different cluster. Neither direction knows what the values mean.

pub(crate) mod base64;
mod character;
mod cursor;
mod emit;
mod error;
pub(crate) mod from_json;
mod limits;
pub(crate) mod number;
mod order;
mod parse;
pub(crate) mod quote;
mod reread;
pub(crate) mod resolve;
mod scan;
mod sheet;
mod split;
mod styles;
pub(crate) mod timestamp;
mod token;
pub(crate) mod value;

use std::borrow::Cow;

pub use emit::{write, write_one};
pub use error::{Place, Problem, ValueError, WriteError, WriteProblem, YamlError};
pub use limits::{Limits, NODE_WEIGHT};

use crate::{Node, SourceId};
use parse::Layout;
use resolve::Rules;

/// Appends a text as go-yaml v3 writes it as a block of lines: the `mark`, `|` or `>`, a comment behind it, and the
/// lines, `indent` blanks in. The last line is left open.
pub fn write_block(out: &mut String, mark: char, text: &str, indent: usize, comment: Option<&str>) {
    styles::block(&mut sheet::Sheet::new(out), mark, text, indent, comment);
    if out.ends_with('\n') {
        out.pop();
    }
}

/// Reads the documents of a manifest, without those that are empty or null. Maps in them have string keys only.
pub fn read(text: &[u8], source: SourceId, limits: &Limits) -> Result<Vec<Node>, YamlError> {
    read_with(text, source, limits, (Rules::V3, Layout::Forgotten))
}

/// True if [`read`] cuts the text into pieces, even if only one of them holds a document.
pub fn is_cut(text: &[u8]) -> bool {
    split::is_cut(text)
}

/// As [`read`], for a text that is to be printed in its own layout: notes which maps and lists are in brackets.
pub fn read_layout(text: &[u8], source: SourceId, limits: &Limits) -> Result<Vec<Node>, YamlError> {
    read_with(text, source, limits, (Rules::V3, Layout::Kept))
}

/// Reads a file of settings such as `kustomization.yaml`, which kustomize reads by older rules than manifests:
/// `yes` and `on` are booleans, dates are strings, and numbers and booleans may be keys. At most one document.
pub fn read_settings(
    text: &[u8],
    source: SourceId,
    limits: &Limits,
) -> Result<Vec<Node>, YamlError> {
    read_with(text, source, limits, (Rules::V2, Layout::Forgotten))
}

/// What a manifest's plain scalar of this text means: what becomes of a text that a transformer changes in place.
pub fn plain_tag(text: &str) -> crate::Tag {
    resolve::resolve(text, Rules::V3)
}

/// Whether kustomize puts quotes around a string that it sets: whether readers of YAML 1.1 would take the bare
/// text for something else.
pub fn is_quoted_when_set(text: &str) -> bool {
    if text.is_empty() || text.contains('\n') {
        return false;
    }
    match resolve::resolve(text, Rules::V2) {
        crate::Tag::Str => {}
        // What go-yaml v2 makes of a date for someone who does not ask for one.
        crate::Tag::Timestamp => return false,
        _ => return true,
    }
    let has_structure = text.starts_with(|first: char| !first.is_alphanumeric())
        || text.contains(": ")
        || text.contains(" #")
        || text.ends_with(':');
    has_structure
        && read_settings(text.as_bytes(), SourceId::default(), &Limits::default())
            .is_ok_and(|documents| documents.first().is_none_or(|node| node.as_str().is_none()))
}

fn read_with(
    bytes: &[u8],
    source: SourceId,
    limits: &Limits,
    (rules, layout): (Rules, Layout),
) -> Result<Vec<Node>, YamlError> {
    let text = split::decode(bytes, limits)?;
    let text = match text.contains("\r\n") {
        true => Cow::Owned(text.replace("\r\n", "\n")),
        false => Cow::Borrowed(text),
    };
    let mut budget = parse::Budget::new(limits);
    let mut documents = Vec::new();
    let pieces = match rules {
        Rules::V3 => split::split(&text)?,
        Rules::V2 => split::whole(&text),
    };
    for piece in pieces {
        let parser = parse::Parser::new(&piece, source, (rules, layout), &mut budget);
        let Some(document) = parser.document()? else {
            continue;
        };
        if document.is_null() {
            continue;
        }
        if documents.len() == limits.documents {
            return Err(YamlError::new(
                document.pos.line,
                1,
                Problem::TooMuch {
                    what: "documents",
                    limit: limits.documents,
                },
            ));
        }
        documents.push(document);
    }
    Ok(documents)
}
