//! What a scalar means, its tag considered.

use super::value::Key;
use crate::yaml::error::Problem;
use crate::yaml::number::{Int, Number};
use crate::yaml::resolve::{self, Rules};
use crate::yaml::{base64, timestamp};
use crate::{Style, Tag};

/// What `!!` stands for.
pub(super) const CORE: &str = "tag:yaml.org,2002:";
/// `!!str`
const STR: &str = "tag:yaml.org,2002:str";

/// What there is to say about a scalar.
pub(super) struct Meaning {
    pub tag: Tag,
    pub style: Style,
    pub key: Key,
}

/// The meaning of a scalar of a manifest.
///
/// On its way out kustomize prints and reads each object once more. An empty null is printed as `''` where it is
/// a key or in a flow collection, and reads as a string from then on; so does a time in a flow collection,
/// because of its colons.
pub(super) fn version_3(
    text: &str,
    style: Style,
    tag: Option<&str>,
    flow: bool,
) -> Result<Meaning, Problem> {
    let tag = tag.filter(|tag| *tag != "!");
    let mut meaning = classify(text, style, tag, Rules::V3)?;
    let empty = text.is_empty() && meaning.tag == Tag::Null && tag.is_none();
    let time = flow && meaning.tag == Tag::Timestamp && text.contains(':') && tag.is_none();
    if empty || time {
        meaning.key = Key::String;
    }
    if flow && (empty || time) {
        meaning.style = Style::SingleQuoted;
    }
    if time {
        meaning.tag = Tag::Str;
    }
    Ok(meaning)
}

/// The meaning of a scalar of a settings file. Dates are strings, and so is anything after a lone `!`.
pub(super) fn version_2(text: &str, style: Style, tag: Option<&str>) -> Result<Meaning, Problem> {
    let tag = tag.map(|tag| if tag == "!" { STR } else { tag });
    let mut meaning = classify(text, style, tag, Rules::V2)?;
    if meaning.tag == Tag::Timestamp {
        (meaning.tag, meaning.key) = (Tag::Str, Key::String);
    }
    // Settings are not printed and read again, which block scalars would suffer from.
    if matches!(style, Style::Literal | Style::Folded) {
        meaning.style = Style::DoubleQuoted;
    }
    Ok(meaning)
}

fn classify(text: &str, style: Style, tag: Option<&str>, rules: Rules) -> Result<Meaning, Problem> {
    let meaning = |tag, key| Meaning { tag, style, key };
    let Some(tag) = tag else {
        return Ok(match style {
            Style::Plain if text == "<<" => meaning(Tag::Str, Key::Merge),
            Style::Plain => match resolve::resolve(text, rules) {
                Tag::Str => meaning(Tag::Str, Key::String),
                tag => meaning(tag, Key::Other),
            },
            _ => meaning(Tag::Str, Key::String),
        });
    };
    let Some(core) = tag.strip_prefix(CORE) else {
        return Ok(meaning(Tag::Str, Key::Other));
    };
    let (fits, tag, name) = match core {
        "str" => return Ok(meaning(Tag::Str, Key::String)),
        "merge" => (text == "<<", Tag::Str, "!!merge"),
        "int" => (is_int(text, rules), Tag::Int, "!!int"),
        "float" => (is_float(text, rules), Tag::Float, "!!float"),
        "bool" => (is_bool(text, rules), Tag::Bool, "!!bool"),
        "null" => (is_null(text, rules), Tag::Null, "!!null"),
        "timestamp" => (
            timestamp::parse(text).is_some(),
            Tag::Timestamp,
            "!!timestamp",
        ),
        "binary" => (base64::decode(text).is_some(), Tag::Binary, "!!binary"),
        _ => return Ok(meaning(Tag::Str, Key::Other)),
    };
    match fits {
        true if core == "merge" => Ok(meaning(tag, Key::Merge)),
        true => Ok(meaning(tag, Key::Other)),
        false => Err(Problem::TagMismatch(name)),
    }
}

fn is_null(text: &str, rules: Rules) -> bool {
    resolve::resolve(text, rules) == Tag::Null
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
