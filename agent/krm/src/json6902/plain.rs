//! What the way through JSON makes of scalars.
//!
//! Numbers become 64-bit floats and are written anew, timestamps and binaries become strings, and a string is
//! quoted only where it must be. A later strategic merge looks at exactly these things.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::PatchProblem;
use crate::{
    Kind, Node, Scalar, Style, Tag,
    yaml::{
        number::{self, Int, Number},
        quote,
        resolve::{self, Rules},
        timestamp,
    },
};

/// Takes off all values what was noted of how they are written, since JSON has no place for that. False if a key is no string: then there is no
/// JSON.
pub(super) fn bare(node: &mut Node) -> bool {
    let fits = !node.has_typed_key();
    let rule = node.rule();
    node.note = None;
    node.set_rule(rule);
    fits && match &mut node.kind {
        Kind::Scalar(_) => true,
        Kind::Seq(items) => items.iter_mut().all(bare),
        Kind::Map(map) => map.iter_mut().all(|entry| bare(&mut entry.value)),
    }
}

/// Makes strings of what is one in JSON: timestamps and binaries of an object.
pub(super) fn strings(node: &mut Node) {
    each_scalar(node, &mut |scalar| {
        scalar.untagged = false;
        string(scalar);
    });
}

fn string(scalar: &mut Scalar) {
    match scalar.tag {
        Tag::Timestamp => {
            if let Some(text) = timestamp::parse(&scalar.text).and_then(|time| time.rfc3339()) {
                scalar.text = text;
            }
            scalar.tag = Tag::Str;
        }
        Tag::Binary => decode(scalar),
        _ => {}
    }
}

/// The same for a value of the patch, which is read by older rules: a timestamp is but text.
pub(super) fn patch_value(mut node: Node) -> Node {
    each_scalar(&mut node, &mut |scalar| match scalar.tag {
        Tag::Timestamp => scalar.tag = Tag::Str,
        Tag::Binary => decode(scalar),
        _ => {}
    });
    node
}

/// Writes numbers, booleans, nulls and strings as they come back from JSON.
pub(super) fn numbers(node: &mut Node) -> Result<(), PatchProblem> {
    let mut finite = true;
    each_scalar(node, &mut |scalar| finite &= rewrite(scalar));
    finite.then_some(()).ok_or(PatchProblem::Number)
}

/// Equality of JSON values. Like the library behind kustomize, it knows no equal lists with a null in them.
pub(super) fn same(a: &Node, b: &Node) -> bool {
    match (&a.kind, &b.kind) {
        (Kind::Map(a), Kind::Map(b)) => {
            a.len() == b.len()
                && a.iter().all(|entry| {
                    let other = b.get(&entry.key);
                    other.is_some_and(|other| match entry.value.is_null() {
                        true => other.is_null(),
                        false => same(&entry.value, other),
                    })
                })
        }
        (Kind::Seq(a), Kind::Seq(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Kind::Scalar(a), Kind::Scalar(b)) => same_scalar(a, b),
        _ => false,
    }
}

fn same_scalar(a: &Scalar, b: &Scalar) -> bool {
    match (a.tag, b.tag) {
        (Tag::Bool, Tag::Bool) => boolean(&a.text) == boolean(&b.text),
        (Tag::Int | Tag::Float, Tag::Int | Tag::Float) => json_number(a) == json_number(b),
        (Tag::Str, Tag::Str) => a.text == b.text,
        _ => false,
    }
}

fn each_scalar(node: &mut Node, change: &mut impl FnMut(&mut Scalar)) {
    match &mut node.kind {
        Kind::Scalar(scalar) => change(scalar),
        Kind::Seq(items) => items.iter_mut().for_each(|item| each_scalar(item, change)),
        Kind::Map(map) => map
            .iter_mut()
            .for_each(|entry| each_scalar(&mut entry.value, change)),
    }
}

fn decode(scalar: &mut Scalar) {
    let letters: String = scalar.text.split_ascii_whitespace().collect();
    if let Ok(bytes) = STANDARD.decode(letters) {
        scalar.text = String::from_utf8_lossy(&bytes).into_owned();
    }
    scalar.tag = Tag::Str;
}

/// False for a number without a finite value.
fn rewrite(scalar: &mut Scalar) -> bool {
    match scalar.tag {
        Tag::Int | Tag::Float => {
            let Some(value) = float(&scalar.text) else {
                return false;
            };
            scalar.text.clear();
            number::format_g(value, &mut scalar.text);
            scalar.tag = resolve::resolve(&scalar.text, Rules::V3);
            scalar.style = Style::Plain;
        }
        Tag::Bool => {
            scalar.text = boolean(&scalar.text).to_string();
            scalar.style = Style::Plain;
        }
        Tag::Null => {
            "null".clone_into(&mut scalar.text);
            scalar.style = Style::Plain;
        }
        Tag::Str | Tag::Timestamp | Tag::Binary => scalar.style = quote::style_of(&scalar.text),
    }
    true
}

fn boolean(text: &str) -> bool {
    resolve::parse_bool(text, Rules::V2).unwrap_or_default()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "kustomize loses it too: JSON numbers pass through 64-bit floats"
)]
fn float(text: &str) -> Option<f64> {
    match resolve::parse_number(text, Rules::V3)? {
        Number::Float(value) => Some(value),
        Number::Int(Int::Signed(value)) => Some(value as f64),
        Number::Int(Int::Unsigned(value)) => Some(value as f64),
    }
}

fn json_number(scalar: &Scalar) -> Option<String> {
    Some(match resolve::parse_number(&scalar.text, Rules::V3)? {
        Number::Int(Int::Signed(value)) => value.to_string(),
        Number::Int(Int::Unsigned(value)) => value.to_string(),
        Number::Float(value) => {
            let mut text = String::new();
            number::format_json(value, &mut text);
            text
        }
    })
}
