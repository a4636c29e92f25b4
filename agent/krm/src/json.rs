//! Between [`Node`] trees and JSON.
//!
//! Numbers change as they do on kustomize's way out: `010` becomes 8 and `1.0` becomes 1. [`go_text`] is what
//! Go's `encoding/json` prints, byte for byte, since kustomize's hashes are taken over it.

mod through;

use std::fmt::Write;

use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

use crate::yaml::number::{self, Int};
use crate::yaml::value;
use crate::yaml::{WriteError, WriteProblem};
use crate::{Kind, Node, Scalar};

pub use crate::yaml::from_json::from_value;
pub use through::through_text;

/// The JSON value that `node` becomes.
pub fn to_value(node: &Node) -> Result<Value, WriteError> {
    match &node.kind {
        Kind::Scalar(scalar) => scalar_to_value(scalar).map_err(|problem| WriteError {
            pos: node.pos,
            problem,
        }),
        Kind::Seq(items) => items.iter().map(to_value).collect(),
        Kind::Map(map) => map
            .iter()
            .map(|entry| match entry.value.has_typed_key() {
                true => Err(WriteError {
                    pos: entry.value.pos,
                    problem: WriteProblem::TypedKey,
                }),
                false => Ok((entry.key.clone(), to_value(&entry.value)?)),
            })
            .collect(),
    }
}

/// The text that Go's `json.Marshal` prints for `value`: keys sorted by bytes, `<`, `>`, `&`, U+2028 and U+2029
/// escaped, floats in its own way.
pub fn go_text(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

/// The SHA-256 of [`go_text`], in hexadecimal: equal for equal objects, however they were written.
pub fn digest(value: &Value) -> String {
    sha256_hex(go_text(value).as_bytes())
}

/// The SHA-256 of `bytes`, in hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
        out.push(digit(byte >> 4));
        out.push(digit(byte & 0xF));
    }
    out
}

fn scalar_to_value(scalar: &Scalar) -> Result<Value, WriteProblem> {
    Ok(match value::of(scalar)? {
        value::Value::Null => Value::Null,
        value::Value::Bool(value) => Value::Bool(value),
        value::Value::Int(int) => int_to_value(int),
        value::Value::Float(float) => match value::whole(float) {
            Some(int) => int_to_value(int),
            None => Number::from_f64(float).map_or(Value::Null, Value::Number),
        },
        value::Value::Text(text) => Value::String(text.into_owned()),
    })
}

fn int_to_value(int: Int) -> Value {
    match int {
        Int::Signed(value) => Value::from(value),
        Int::Unsigned(value) => Value::from(value),
    }
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                write_comma(at, out);
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            // Sorted here too, in case the map type keeps insertion order.
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| key.as_str());
            out.push('{');
            for (at, (key, value)) in fields.into_iter().enumerate() {
                write_comma(at, out);
                write_string(key, out);
                out.push(':');
                write_value(value, out);
            }
            out.push('}');
        }
    }
}

fn write_comma(at: usize, out: &mut String) {
    if at > 0 {
        out.push(',');
    }
}

fn write_number(number: &Number, out: &mut String) {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(float) => number::format_json(float, out),
        None => out.push_str(&number.to_string()),
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                let written = write!(out, "\\u{:04x}", u32::from(character));
                debug_assert!(written.is_ok(), "writing to a string does not fail");
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Printed by Go 1.26 for the same values.
    #[test]
    fn prints_as_go_does() {
        let value = json!({
            "b": "<a&b>\u{2028}\u{7f}\u{8}\u{1}é😀",
            "a": [1.5, 1e21, 1e-7, 100_000_000_000_000_000_000_f64, -0.0, 123_456_789.125, 1e20],
            "c": {"z": null, "y": true}
        });
        assert_eq!(
            go_text(&value),
            "{\"a\":[1.5,1e+21,1e-7,100000000000000000000,-0,123456789.125,100000000000000000000],\
             \"b\":\"\\u003ca\\u0026b\\u003e\\u2028\u{7f}\\b\\u0001é😀\",\"c\":{\"y\":true,\"z\":null}}"
        );
    }

    #[test]
    fn digest_ignores_how_an_object_was_written() {
        let read = |text: &str| {
            let limits = crate::yaml::Limits::default();
            let nodes = crate::yaml::read(text.as_bytes(), crate::SourceId(0), &limits)
                .expect("valid YAML");
            to_value(&nodes[0]).expect("JSON values")
        };
        let (a, b) = (read("a: 010\nb: 1.0\n"), read("{b: 1, a: 0x8}"));
        assert_eq!(digest(&a), digest(&b));
        assert_eq!(digest(&a), sha256_hex(br#"{"a":8,"b":1}"#));
    }

    #[test]
    fn values_survive_the_way_through_nodes() {
        let value = json!({"a": [1, -2, 1.5, 1e300, u64::MAX, null, true, "x", "1"], "b": {}});
        let node = from_value(&value, crate::Pos::default());
        assert_eq!(to_value(&node).expect("JSON values"), value);
    }
}
