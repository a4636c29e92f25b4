//! JSON as nodes. Lives here because comments in YAML may hold JSON.

use serde_json::Value;

use super::number;
use crate::{Map, Node, Pos, Style, Tag};

/// The node that stands for `value`, all of it made at `pos`.
pub fn from_value(value: &Value, pos: Pos) -> Node {
    let plain = |text: String, tag| Node::scalar(text, tag, Style::Plain, pos);
    match value {
        Value::Null => Node::null(pos),
        Value::Bool(value) => plain(value.to_string(), Tag::Bool),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => {
                let mut text = String::new();
                number::format_g(float, &mut text);
                plain(text, Tag::Float)
            }
            None => plain(number.to_string(), Tag::Int),
        },
        Value::String(text) => Node::string(text.as_str(), pos),
        Value::Array(items) => {
            let items = items.iter().map(|item| from_value(item, pos)).collect();
            Node::seq(items, pos)
        }
        Value::Object(fields) => {
            let mut map = Map::new();
            for (key, value) in fields {
                map.push(key.as_str(), from_value(value, pos));
            }
            Node::map(map, pos)
        }
    }
}
