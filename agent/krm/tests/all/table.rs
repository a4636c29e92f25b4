//! Texts and what becomes of them, each checked against kustomize v5.8.2.

use krm::{SourceId, json, yaml};
use serde_json::json;

use crate::{read, reprint};

/// Values as written and as printed.
const SCALARS: &[(&str, &str)] = &[
    ("010", "8"),
    ("0o14", "12"),
    ("0x1F", "31"),
    ("0b101", "5"),
    ("1e3", "1000"),
    ("1_000", "1000"),
    ("1.0", "1"),
    ("1.10", "1.1"),
    ("08", "8"),
    ("1000000.5", "1.0000005e+06"),
    ("1e400", "1e400"),
    ("12345678901234567890123", "1.2345678901234568e+22"),
    ("18446744073709551615", "18446744073709551615"),
    ("-9223372036854775809", "-9.223372036854776e+18"),
    ("-0.0", "0"),
    ("0.0000001", "1e-07"),
    ("2020-01-02", "\"2020-01-02T00:00:00Z\""),
    ("2001-1-2 3:4:5.60", "\"2001-01-02T03:04:05.6Z\""),
    ("2001-02-29", "2001-02-29"),
    ("yes", "\"yes\""),
    ("on", "\"on\""),
    ("y", "\"y\""),
    ("True", "true"),
    ("~", "null"),
    ("", "null"),
    ("\"1e3\"", "\"1e3\""),
    ("\"012\"", "\"012\""),
    ("12:30:45", "\"12:30:45\""),
    ("\"\"", "\"\""),
    ("'*.x'", "'*.x'"),
    ("'a: b'", "'a: b'"),
    ("' lead'", "' lead'"),
    ("=", "="),
    (".", "."),
    ("😀", "\"\\U0001F600\""),
    ("é", "é"),
    ("\"\\u2028x\"", "'\u{2028}    x'"),
    ("\"a\\tb\"", "\"a\\tb\""),
    ("!custom foo", "foo"),
    ("!!str 12", "\"12\""),
    ("!!int \"3\"", "3"),
    ("!!binary aGk=", "hi"),
    (
        "{a: , b: [2001-01-01T00:00:00Z]}",
        "\n    a: \"\"\n    b:\n    - \"2001-01-01T00:00:00Z\"",
    ),
    ("[]", "[]"),
    ("{}", "{}"),
    ("\"two\\nlines\\n\"", "|\n    two\n    lines"),
    ("\"two\\nlines\"", "|-\n    two\n    lines"),
    ("\"blank \\nend\"", "\"blank \\nend\""),
];

#[test]
fn scalars_are_printed_as_kustomize_prints_them() {
    let wrong: Vec<String> = SCALARS
        .iter()
        .filter_map(|(written, expected)| {
            let expected = format!("spec:\n  v: {expected}\n").replace(": \n", ":\n");
            let printed = reprint(&format!("spec:\n  v: {written}\n"));
            (printed.as_deref() != Ok(expected.as_str()))
                .then(|| format!("{written:?}: {printed:?}, not {expected:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn keys_are_in_natural_order() {
    let text =
        "a10: 0\na2: 0\nA: 0\naB: 0\naa: 0\na-b: 0\na01: 0\na1: 0\n'1': 0\n'10': 0\n'9': 0\n";
    let expected =
        "\"1\": 0\n\"9\": 0\n\"10\": 0\nA: 0\na-b: 0\na1: 0\na01: 0\na2: 0\na10: 0\naB: 0\naa: 0\n";
    assert_eq!(reprint(text).as_deref(), Ok(expected));
}

#[test]
fn anchors_and_merges_are_expanded() {
    let text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [{x: 7}, *a]}\n";
    let expected = "a:\n  x: 1\n  \"y\": 2\nb:\n  x: 1\n  \"y\": 3\nc:\n  x: 7\n  \"y\": 2\n";
    assert_eq!(reprint(text).as_deref(), Ok(expected));
}

#[test]
fn documents_are_cut_at_separator_lines() {
    let text = "\u{feff}# head\n---\n---\na: |\n  x\n--- # tail\n\n---\r\nb: 1\r\n---\nnull\n...\n";
    assert_eq!(reprint(text).as_deref(), Ok("a: |\n  x\n---\nb: 1\n"));
}

#[test]
fn raw_text_and_line_are_kept() {
    let nodes = read("a:\n- 0012345\n- '1.10'\n---\nb: 1234e56\n").expect("valid YAML");
    let item = &nodes[0].get("a").and_then(|a| a.as_seq()).expect("a list")[0];
    assert_eq!((item.text(), item.pos.line), (Some("0012345"), 2));
    let value = nodes[1].get("b").expect("a value");
    assert_eq!((value.text(), value.pos.line), (Some("1234e56"), 5));
}

#[test]
fn long_scalars_are_folded_past_column_80() {
    let words = "word ".repeat(30);
    let printed = reprint(&format!("a:\n- {}\n", words.trim_end())).expect("printable");
    let line = |words| "word ".repeat(words).trim_end().to_owned();
    assert_eq!(printed, format!("a:\n- {}\n  {}\n", line(16), line(14)));
}

/// Texts that are refused, and why.
const REFUSED: &[(&str, &str)] = &[
    (
        "a: 1\nb: 2\na: 3\n",
        "line 3, column 1: this key is already set on line 1",
    ),
    (
        "a:\n\tb: 1\n",
        "line 2, column 1: found a tab, which cannot indent; use spaces",
    ),
    ("a: *x\n", "line 1, column 4: unknown anchor"),
    (
        "a: &x [*x]\n",
        "line 1, column 8: an anchor's value contains itself",
    ),
    (
        "a:\n  2: x\n",
        "line 2: a map key must be a string; quote it",
    ),
    (
        "a: \"x\n",
        "line 1, column 4: a quoted scalar is never closed",
    ),
    (
        "a: \"x\nb: \"y\"\n",
        "line 1, column 4: this quote is not closed before the next one, on line 2; close it on its own line",
    ),
    (
        "a: [x,\n  y\nb: z\n",
        "line 1, column 4: this bracket is not closed, or a comma is missing before line 3",
    ),
    (
        "a: {b: c,\n",
        "line 1, column 4: this bracket is never closed",
    ),
    (
        "a: b: c\n",
        "line 1, column 5: a map value is not allowed here",
    ),
    (
        "a: 1\n---x\nb: 1\n",
        "line 2, column 1: invalid document separator: only a comment may follow `---`",
    ),
    (
        "a: 1\n...\nb: 1\n",
        "line 3, column 1: text after the end of the document would be ignored; separate documents with `---`",
    ),
    (
        "a: \u{7}\n",
        "line 1, column 4: control character U+0007 is not allowed; write it as an escape in double quotes",
    ),
    (
        "a: !!int x\n",
        "line 1, column 4: the value does not match its tag !!int",
    ),
    (
        "a: .inf\n",
        "line 1: infinity and NaN cannot be expressed in JSON",
    ),
];

#[test]
fn errors_name_the_place_and_never_the_text() {
    for (text, expected) in REFUSED {
        assert_eq!(reprint(text), Err((*expected).to_owned()), "{text:?}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_refused_with_their_place() {
    let read = |bytes: &[u8]| {
        let result = yaml::read(bytes, SourceId(0), &yaml::Limits::default());
        result.expect_err("not UTF-8").to_string()
    };
    assert_eq!(
        read(b"a: 1\nb: \xff"),
        "line 2, column 4: not valid UTF-8; save the file as UTF-8"
    );
    assert_eq!(
        read(b"\xff\xfea\0"),
        "line 1, column 1: the file is UTF-16; save it as UTF-8"
    );
}

/// `kustomization.yaml` is read by older rules than manifests.
#[test]
fn settings_know_yaml_1_1_booleans() {
    let text = b"a: yes\nb: off\non: 1\n1: x\nd: 2020-01-02\n";
    let nodes = yaml::read_settings(text, SourceId(0), &yaml::Limits::default()).expect("valid");
    let value = json::to_value(&nodes[0]).expect("JSON values");
    let expected = json!({"a": true, "b": false, "true": 1, "1": "x", "d": "2020-01-02"});
    assert_eq!(value, expected);
}
