//! What a plain scalar means, by the rules of go-yaml.
//!
//! Two generations matter. kustomize reads manifests with version 3 and prints with version 2, which still
//! takes `yes` and `on` for booleans and therefore quotes them; it also reads kustomization files with version 2.

use super::number::{self, Number};
use super::timestamp;
use crate::Tag;

/// Whose rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// go-yaml v2: YAML 1.1 booleans.
    V2,
    /// go-yaml v3.
    V3,
}

/// The meaning of a plain scalar without a tag.
pub(crate) fn resolve(text: &str, rules: Rules) -> Tag {
    let Some(first) = text.bytes().next() else {
        return Tag::Null;
    };
    match first {
        b'0'..=b'9' | b'+' | b'-' | b'.' => resolve_numeric(text, first, rules),
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~'
            if text.len() <= 5 =>
        {
            word(text, rules)
        }
        _ => Tag::Str,
    }
}

/// The value of a boolean scalar.
pub(crate) fn parse_bool(text: &str, rules: Rules) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ if rules == Rules::V3 => None,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// The value of a numeric scalar. Infinities and NaN are `None`.
pub(crate) fn parse_number(text: &str, rules: Rules) -> Option<Number> {
    match text.as_bytes().first()? {
        b'.' => number::parse_point(text).map(Number::Float),
        b'0'..=b'9' | b'+' | b'-' => number::parse(text, rules == Rules::V3),
        _ => None,
    }
}

/// `.inf`, `-.Inf`, `.NaN` and their like: floats that JSON lacks.
pub(crate) fn is_not_finite(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

/// True for `12:30:45` and the like, which YAML 1.1 counts in base 60. go-yaml never reads them as numbers but
/// quotes them for others' sake.
pub(crate) fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = match unsigned.rsplit_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (unsigned, ""),
    };
    let mut groups = whole.split(':');
    let first = groups.next().unwrap_or_default();
    let digits = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
    };
    let sixty =
        |group: &str| matches!(group.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
    let mut count = 0;
    let all = groups.inspect(|_| count += 1).all(sixty);
    all && count > 0
        && digits(fraction)
        && first.starts_with(|first: char| first.is_ascii_digit())
        && digits(first)
}

fn word(text: &str, rules: Rules) -> Tag {
    match text {
        "~" | "null" | "Null" | "NULL" => Tag::Null,
        _ if parse_bool(text, rules).is_some() => Tag::Bool,
        _ => Tag::Str,
    }
}

fn resolve_numeric(text: &str, first: u8, rules: Rules) -> Tag {
    if is_not_finite(text) {
        return Tag::Float;
    }
    if first.is_ascii_digit() && timestamp::parse(text).is_some() {
        return Tag::Timestamp;
    }
    match parse_number(text, rules) {
        Some(Number::Int(_)) => Tag::Int,
        Some(Number::Float(_)) => Tag::Float,
        None => Tag::Str,
    }
}
