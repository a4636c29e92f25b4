//! What a scalar means, its tag considered.

use super::value::Key;
use crate::yaml::error::Problem;
use crate::yaml::number::{Int, Number};
use crate::yaml::resolve::{self, Rules};
use crate::yaml::{base64, timestamp};
use crate::{Style, Tag};

/// What `!!` stands for.
pub(super) const CORE: &str = "tag:yaml.org,2002:";

/// The meaning of a scalar with an optional tag; a lone `!` counts as none.
pub(super) fn classify(
    text: &str,
    style: Style,
    tag: Option<&str>,
    rules: Rules,
) -> Result<(Tag, Key), Problem> {
    let Some(tag) = tag else {
        return Ok(untagged(text, style, rules));
    };
    let Some(core) = tag.strip_prefix(CORE) else {
        return Ok((Tag::Str, Key::Other));
    };
    let (fits, tag, name) = match core {
        "str" => return Ok((Tag::Str, Key::String)),
        "merge" if text == "<<" => return Ok((Tag::Str, Key::Merge)),
        "merge" => return Err(Problem::TagMismatch("!!merge")),
        "int" => (is_int(text, rules), Tag::Int, "!!int"),
        "float" => (is_float(text, rules), Tag::Float, "!!float"),
        "bool" => (is_bool(text, rules), Tag::Bool, "!!bool"),
        "null" => (
            resolve::resolve(text, rules) == Tag::Null,
            Tag::Null,
            "!!null",
        ),
        "timestamp" => (
            timestamp::parse(text).is_some(),
            Tag::Timestamp,
            "!!timestamp",
        ),
        "binary" => (base64::decode(text).is_some(), Tag::Binary, "!!binary"),
        _ => return Ok((Tag::Str, Key::Other)),
    };
    match fits {
        true => Ok((tag, Key::Other)),
        false => Err(Problem::TagMismatch(name)),
    }
}

fn untagged(text: &str, style: Style, rules: Rules) -> (Tag, Key) {
    match style {
        Style::Plain if text == "<<" => (Tag::Str, Key::Merge),
        Style::Plain => match resolve::resolve(text, rules) {
            Tag::Str => (Tag::Str, Key::String),
            Tag::Timestamp if rules == Rules::V2 => (Tag::Str, Key::String),
            tag => (tag, Key::Other),
        },
        _ => (Tag::Str, Key::String),
    }
}

fn is_bool(text: &str, rules: Rules) -> bool {
    resolve::parse_bool(text, rules).is_some()
}

fn is_int(text: &str, rules: Rules) -> bool {
    matches!(resolve::parse_number(text, rules), Some(Number::Int(_)))
}

fn is_float(text: &str, rules: Rules) -> bool {
    match resolve::parse_number(text, rules) {
        Some(Number::Int(Int::Unsigned(_))) => false,
        Some(_) => true,
        None => resolve::is_not_finite(text),
    }
}
