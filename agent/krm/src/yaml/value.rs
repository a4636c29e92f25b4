//! What a scalar is worth once it leaves YAML: the values of JSON.

use std::borrow::Cow;

use super::error::ValueError;
use super::number::{self, Int, Number};
use super::resolve::{self, Rules};
use super::{base64, reread, timestamp};
use crate::{Scalar, Style, Tag};

/// A scalar's value.
#[derive(Debug, PartialEq)]
pub(crate) enum Value<'s> {
    Null,
    Bool(bool),
    Int(Int),
    Float(f64),
    Text(Cow<'s, str>),
}

/// The value of `scalar`. An empty null inside a flow collection, which reading marks by single quotes, is an
/// empty string by the time kustomize prints it.
pub(crate) fn of(scalar: &Scalar) -> Result<Value<'_>, ValueError> {
    let text = scalar.text.as_str();
    match scalar.tag {
        Tag::Str => reread::reread(scalar)
            .map(Value::Text)
            .map_err(|_| ValueError::LeadingTab),
        Tag::Null if text.is_empty() && scalar.style == Style::SingleQuoted => {
            Ok(Value::Text(Cow::Borrowed("")))
        }
        Tag::Null if resolve::resolve(text, Rules::V3) == Tag::Null => Ok(Value::Null),
        Tag::Null => Err(ValueError::Mismatch("null")),
        Tag::Bool => resolve::parse_bool(text, Rules::V2)
            .map(Value::Bool)
            .ok_or(ValueError::Mismatch("boolean")),
        Tag::Int => match resolve::parse_number(text, Rules::V3) {
            Some(Number::Int(int)) => Ok(Value::Int(int)),
            _ => Err(ValueError::Mismatch("integer")),
        },
        Tag::Float => float(text),
        Tag::Timestamp => timestamp::parse(text)
            .ok_or(ValueError::Mismatch("timestamp"))?
            .rfc3339()
            .map(|text| Value::Text(Cow::Owned(text)))
            .ok_or(ValueError::Zone),
        Tag::Binary => base64::decode(text)
            .map(|bytes| Value::Text(Cow::Owned(replace_invalid(&bytes))))
            .ok_or(ValueError::Mismatch("base64 text")),
    }
}

/// A float that reads as an integer once it is JSON is printed as one. JSON has the shortest digits that give
/// the float back, which past 2^53 is not the float's exact value.
pub(crate) fn whole(float: f64) -> Option<Int> {
    if float.fract() != 0.0 {
        return None;
    }
    let mut text = String::new();
    number::format_json(float, &mut text);
    match resolve::parse_number(&text, Rules::V2)? {
        Number::Int(int) => Some(int),
        Number::Float(_) => None,
    }
}

fn float(text: &str) -> Result<Value<'_>, ValueError> {
    match resolve::parse_number(text, Rules::V3) {
        Some(Number::Float(float)) => Ok(Value::Float(float)),
        #[expect(clippy::cast_precision_loss, reason = "Go converts in the same way")]
        Some(Number::Int(Int::Signed(int))) => Ok(Value::Float(int as f64)),
        _ if resolve::is_not_finite(text) => Err(ValueError::NotFinite),
        _ => Err(ValueError::Mismatch("float")),
    }
}

/// Go's JSON puts U+FFFD in place of each byte that is not UTF-8.
fn replace_invalid(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    out
}
