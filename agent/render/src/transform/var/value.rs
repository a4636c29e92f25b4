//! The value of a var: a scalar with its type, or something that cannot stand in a text.

use krm::{Kind, Node, Tag};

use crate::field_path;

/// What a var stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// A map or list: the var stays as it is written.
    Other,
}

impl Value {
    /// The value of a field; `None` if it is missing or its text is not what its type says.
    pub(super) fn at(object: &Node, path: &str) -> Option<Self> {
        let parts: Vec<_> = field_path::split(path)
            .iter()
            .flat_map(|part| indexed(part))
            .collect();
        let node = field_path::lookup(object, &parts).ok()??;
        let Kind::Scalar(scalar) = &node.kind else {
            return Some(Self::Other);
        };
        let text = scalar.text.as_str();
        match scalar.tag {
            Tag::Int => text.parse().ok().map(Self::Int),
            Tag::Float => text.parse().ok().map(Self::Float),
            Tag::Bool => match text {
                "true" | "True" | "TRUE" => Some(Self::Bool(true)),
                "false" | "False" | "FALSE" => Some(Self::Bool(false)),
                _ => None,
            },
            Tag::Str | Tag::Null | Tag::Timestamp | Tag::Binary => {
                Some(Self::Text(text.to_owned()))
            }
        }
    }
}

/// `ports[0]` is `ports`, then `0`.
fn indexed(part: &str) -> Vec<String> {
    let split = part
        .strip_suffix(']')
        .and_then(|rest| rest.rsplit_once('['));
    match split {
        Some((name, index))
            if !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            [name, index]
                .into_iter()
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect()
        }
        _ => vec![part.to_owned()],
    }
}
