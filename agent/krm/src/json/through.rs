//! What the way through JSON text makes of a node: kustomize opens a list of objects that way.
//!
//! Every scalar comes back as JSON writes it. The value is the same, the text is not: `0x1F` becomes 31.

use crate::{
    Kind, Node, Scalar, Style, Tag,
    yaml::{
        ValueError, WriteError, WriteProblem, base64,
        number::{self, Int, Number},
        resolve::{self, Rules},
        timestamp,
    },
};

/// Writes all scalars of `node` as they are once it was written as JSON and read again.
pub fn through_text(node: &mut Node) -> Result<(), WriteError> {
    let pos = node.pos;
    if node.note.take().is_some_and(|note| note.typed_key) {
        let problem = WriteProblem::TypedKey;
        return Err(WriteError { pos, problem });
    }
    match &mut node.kind {
        Kind::Scalar(scalar) => rewrite(scalar).map_err(|error| WriteError {
            pos,
            problem: WriteProblem::Value(error),
        }),
        Kind::Seq(items) => items.iter_mut().try_for_each(through_text),
        Kind::Map(map) => map
            .iter_mut()
            .try_for_each(|entry| through_text(&mut entry.value)),
    }
}

fn rewrite(scalar: &mut Scalar) -> Result<(), ValueError> {
    scalar.untagged = false;
    match scalar.tag {
        Tag::Str => scalar.style = Style::DoubleQuoted,
        Tag::Null => plain(scalar, "null".to_owned()),
        Tag::Bool => {
            let value = resolve::parse_bool(&scalar.text, Rules::V2);
            let value = value.ok_or(ValueError::Mismatch("boolean"))?;
            plain(scalar, value.to_string());
        }
        Tag::Int | Tag::Float => {
            let text = number_text(scalar)?;
            plain(scalar, text);
        }
        Tag::Timestamp => {
            let time = timestamp::parse(&scalar.text).ok_or(ValueError::Mismatch("timestamp"))?;
            string(scalar, time.rfc3339().ok_or(ValueError::Zone)?);
        }
        Tag::Binary => {
            let bytes = base64::decode(&scalar.text).ok_or(ValueError::Mismatch("base64 text"))?;
            string(scalar, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    Ok(())
}

fn number_text(scalar: &Scalar) -> Result<String, ValueError> {
    match (resolve::parse_number(&scalar.text, Rules::V3), scalar.tag) {
        (Some(Number::Int(Int::Signed(value))), _) => Ok(value.to_string()),
        (Some(Number::Int(Int::Unsigned(value))), _) => Ok(value.to_string()),
        (Some(Number::Float(value)), Tag::Float) => {
            let mut text = String::new();
            number::format_json(value, &mut text);
            Ok(text)
        }
        (_, Tag::Float) if resolve::is_not_finite(&scalar.text) => Err(ValueError::NotFinite),
        (_, Tag::Float) => Err(ValueError::Mismatch("float")),
        _ => Err(ValueError::Mismatch("integer")),
    }
}

fn plain(scalar: &mut Scalar, text: String) {
    scalar.tag = resolve::resolve(&text, Rules::V3);
    scalar.style = Style::Plain;
    scalar.text = text;
}

fn string(scalar: &mut Scalar, text: String) {
    scalar.tag = Tag::Str;
    scalar.style = Style::DoubleQuoted;
    scalar.text = text;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SourceId, yaml};

    /// As kustomize 5.8.2 has these when a generator merges into a ConfigMap that stood in a `ConfigMapList`.
    #[test]
    fn scalars_come_back_as_json_writes_them() {
        let cases = [
            ("1e3", "1000"),
            ("1.10", "1.1"),
            ("0x1F", "31"),
            ("1_000", "1000"),
            ("2020-01-02", "2020-01-02T00:00:00Z"),
            ("9007199254740993", "9007199254740993"),
            ("12345678901234567890", "12345678901234567890"),
            ("1e21", "1e+21"),
            ("1e-7", "1e-7"),
            (".5", "0.5"),
            ("0644", "420"),
            ("-0.0", "-0"),
            ("1e20", "100000000000000000000"),
            ("True", "true"),
            ("~", "null"),
            ("word", "word"),
        ];
        for (written, expected) in cases {
            let limits = yaml::Limits::default();
            let text = format!("- {written}");
            let mut nodes = yaml::read(text.as_bytes(), SourceId(0), &limits).expect("YAML");
            through_text(&mut nodes[0]).expect("a value of JSON");
            let found = nodes[0].as_seq().and_then(|items| items[0].text());
            assert_eq!(found, Some(expected), "{written}");
        }
    }

    #[test]
    fn infinity_has_no_way_through() {
        let mut node = Node::scalar(".inf", Tag::Float, Style::Plain, crate::Pos::default());
        assert!(through_text(&mut node).is_err());
    }
}
