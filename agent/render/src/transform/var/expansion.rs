//! `$(NAME)` in a text, `$$` for a dollar sign.

use std::collections::{BTreeMap, BTreeSet};

use krm::{Pos, Scalar, Style, Tag, json};

use super::value::Value;
use crate::field_path;

/// The text with its vars replaced. A text that is one var and nothing else takes the var's type.
pub(super) fn expand_text<'v>(
    text: &str,
    values: &'v BTreeMap<&'v str, Value>,
    used: &mut BTreeSet<&'v str>,
) -> Scalar {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        let Some(next) = from[1..].chars().next() else {
            break;
        };
        out.push_str(before);
        rest = &from[1 + next.len_utf8()..];
        match next {
            '$' => out.push('$'),
            '(' => match rest.split_once(')') {
                Some((name, after)) => {
                    let found = values
                        .get_key_value(name)
                        .filter(|(_, value)| **value != Value::Other);
                    if let Some((name, value)) = found {
                        used.insert(name);
                        if text.len() == name.len() + 3 {
                            return typed(value);
                        }
                        out.push_str(&inside(value));
                    } else {
                        out.push_str("$(");
                        out.push_str(name);
                        out.push(')');
                    }
                    rest = after;
                }
                None => out.push_str("$("),
            },
            other => {
                out.push('$');
                out.push(other);
            }
        }
    }
    out.push_str(rest);
    plain(out, Tag::Str)
}

fn plain(text: String, tag: Tag) -> Scalar {
    Scalar {
        text,
        tag,
        style: Style::Plain,
        untagged: false,
    }
}

fn typed(value: &Value) -> Scalar {
    match value {
        Value::Text(text) => plain(text.clone(), Tag::Str),
        Value::Int(int) => plain(int.to_string(), Tag::Int),
        Value::Bool(value) => plain(value.to_string(), Tag::Bool),
        // Rust prints the shortest digits without an exponent, as Go does for 'f'.
        Value::Float(float) => plain(float.to_string(), Tag::Float),
        Value::Other => plain(String::new(), Tag::Str),
    }
}

/// The value in the middle of a text.
fn inside(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Int(int) => int.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Float(float) => {
            let value = serde_json::Value::from(*float);
            match float.abs() < 1e-4 {
                // Go takes an exponent sooner here than in JSON.
                true => field_path::raw(&json::from_value(&value, Pos::default())).to_owned(),
                false => json::go_text(&value),
            }
        }
        Value::Other => String::new(),
    }
}
