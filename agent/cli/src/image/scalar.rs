//! How a value is written so that it is read as text again.

use granit_parser::ScalarStyle;

/// Words that are not text to one YAML reader or another.
const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];

/// `value` in the style of what stood there before. A plain value that would be read as a number, truth or date is
/// quoted: kustomize refuses a tag that is not text, and `1.10` is the number 1.1.
pub(super) fn written(value: &str, style: ScalarStyle) -> String {
    match style {
        ScalarStyle::SingleQuoted => format!("'{value}'"),
        ScalarStyle::DoubleQuoted => format!("\"{value}\""),
        _ if reads_as_text(value) => value.to_owned(),
        _ => format!("\"{value}\""),
    }
}

/// Whether `value`, written without quotes, is text to every reader of YAML 1.1 and 1.2. Rather says no.
pub(super) fn reads_as_text(value: &str) -> bool {
    if WORDS.contains(&value.to_ascii_lowercase().as_str()) {
        return false;
    }
    let mut bytes = value.bytes();
    match bytes.next() {
        Some(b'0'..=b'9') => {}
        Some(first) => return first.is_ascii_alphabetic() || first == b'_',
        None => return false,
    }
    let based = matches!(bytes.next(), Some(b'x' | b'X' | b'o' | b'O' | b'b' | b'B'))
        && value.starts_with('0');
    let numeric = value
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'_' | b'.' | b'e' | b'E' | b'-'));
    let dots = value.bytes().filter(|byte| *byte == b'.').count();
    !based && (!numeric || dots > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_what_is_not_text() {
        for value in [
            "1.10",
            "1",
            "0012345",
            "1234e56",
            "0x1f",
            "0b1",
            "1_0",
            "2024-01-02",
            "true",
            "No",
            "null",
            "1e3",
        ] {
            assert_eq!(written(value, ScalarStyle::Plain), format!("\"{value}\""));
        }
    }

    #[test]
    fn leaves_text_plain() {
        for value in [
            "1.2.3",
            "v1",
            "4f2c1aa",
            "1.28.0-alpine",
            "latest",
            "_x",
            "sha256:12",
            "r.io:5000/a/b",
        ] {
            assert_eq!(written(value, ScalarStyle::Plain), value);
        }
    }

    #[test]
    fn keeps_the_quotes_in_use() {
        assert_eq!(written("1", ScalarStyle::SingleQuoted), "'1'");
        assert_eq!(written("v1", ScalarStyle::DoubleQuoted), "\"v1\"");
    }
}
