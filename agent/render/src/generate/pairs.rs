//! The keys and values of a generated object: literals, files, and files of `KEY=value` lines.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use krm::Pos;

use crate::{
    model::{GeneratorSpec, Text},
    problem::{Gather, Outcome, Problem},
    session::Files,
};

/// A value and the line that gives it.
pub(super) struct Value {
    pub(super) bytes: Vec<u8>,
    pub(super) pos: Pos,
}

type Pair = (String, Value);

/// All pairs by key. A key that is given twice is an error.
pub(super) fn load(spec: &GeneratorSpec, files: &Files<'_>) -> Outcome<BTreeMap<String, Value>> {
    let mut gather = Gather::default();
    let mut pairs: Vec<Pair> = Vec::new();
    for path in &spec.envs {
        pairs.extend(gather.take(env_file(path, files)).unwrap_or_default());
    }
    for text in &spec.literals {
        pairs.extend(gather.take(literal(text)));
    }
    for text in &spec.files {
        pairs.extend(gather.take(file(text, files)));
    }
    let mut all: BTreeMap<String, Value> = BTreeMap::new();
    for (key, value) in pairs {
        if let Some(first) = all.get(&key) {
            let text = format!(
                "the key `{key}` is given twice, first on line {}",
                first.pos.line
            );
            gather.add(Problem::at(value.pos, text));
        } else {
            all.insert(key, value);
        }
    }
    gather.finish(all)
}

/// Base64, broken into lines of 70 as kustomize does.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const LINE: usize = 70;
    let whole = STANDARD.encode(bytes);
    if whole.len() < LINE {
        return whole;
    }
    let mut text = String::with_capacity(whole.len() + whole.len() / LINE + 1);
    let mut rest = whole.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text
}

/// `key=value`; one pair of matching quotes around the value goes.
fn literal(text: &Text) -> Result<Pair, Problem> {
    match text.value.split_once('=') {
        Some((key, value)) if !key.is_empty() => {
            let bytes = unquote(value).as_bytes().to_vec();
            Ok((
                key.to_owned(),
                Value {
                    bytes,
                    pos: text.pos,
                },
            ))
        }
        _ => Err(Problem::at(
            text.pos,
            "a literal must be written `key=value`",
        )),
    }
}

fn unquote(text: &str) -> &str {
    let inner = |quote| {
        let rest = text.strip_prefix(quote)?;
        rest.strip_suffix(quote)
    };
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// `path`, whose last part is the key, or `key=path`.
fn file(text: &Text, files: &Files<'_>) -> Result<Pair, Problem> {
    let (key, path) = match text.value.split_once('=') {
        None => (
            text.value.rsplit('/').next().unwrap_or_default(),
            text.value.as_str(),
        ),
        Some((key, path)) if path.contains('=') || key.is_empty() || path.is_empty() => {
            let problem = Problem::at(text.pos, format!("`{}` is no file source", text.value));
            return Err(problem.hint("write `path` or `key=path`, with at most one `=`"));
        }
        Some(parts) => parts,
    };
    let source = Text {
        value: path.to_owned(),
        ..text.clone()
    };
    let loaded = files.load(&source)?;
    let pos = Pos {
        source: loaded.source,
        line: 1,
    };
    let bytes = loaded.bytes.into_owned();
    Ok((key.to_owned(), Value { bytes, pos }))
}

fn env_file(path: &Text, files: &Files<'_>) -> Result<Vec<Pair>, Problem> {
    let loaded = files.load(path)?;
    let mut pairs = Vec::new();
    let lines = loaded.bytes.split(|byte| *byte == b'\n');
    for (number, line) in (1..).zip(lines) {
        let pos = Pos {
            source: loaded.source,
            line: number,
        };
        let Ok(text) = std::str::from_utf8(line) else {
            return Err(Problem::at(pos, "this line is not valid UTF-8"));
        };
        let text = text.strip_suffix('\r').unwrap_or(text);
        let text = match number {
            1 => text.strip_prefix('\u{feff}').unwrap_or(text),
            _ => text,
        };
        let text = text.trim_start();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        if !key.is_empty() {
            let bytes = value.as_bytes().to_vec();
            pairs.push((key.to_owned(), Value { bytes, pos }));
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_one_pair_of_matching_quotes_off() {
        assert_eq!(unquote("\"a\""), "a");
        assert_eq!(unquote("'a'"), "a");
        assert_eq!(unquote("\"a'"), "\"a'");
        assert_eq!(unquote("''a''"), "'a'");
        assert_eq!(unquote("\""), "\"");
    }

    #[test]
    fn breaks_long_base64() {
        assert_eq!(base64(&[0; 51]).len(), 68);
        assert_eq!(base64(&[0; 54]), format!("{}\nAA\n", "A".repeat(70)));
    }
}
