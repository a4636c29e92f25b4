//! Lines, indents and splices of a text that is edited in place.

use std::ops::Range;

/// Bytes to replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Splice {
    /// Which.
    pub(super) range: Range<usize>,
    /// By what.
    pub(super) text: String,
}

impl Splice {
    /// Puts `text` at `at`.
    pub(super) fn insert(at: usize, text: String) -> Self {
        Self {
            range: at..at,
            text,
        }
    }

    /// Replaces `range` by `text`.
    pub(super) fn replace(range: Range<usize>, text: impl Into<String>) -> Self {
        Self {
            range,
            text: text.into(),
        }
    }
}

/// `text` with all of `splices`, which do not overlap. Insertions at one place keep their order.
pub(super) fn apply(text: &str, mut splices: Vec<Splice>) -> String {
    splices.sort_by_key(|splice| splice.range.start);
    let mut done = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for splice in splices {
        done.push_str(text.get(at..splice.range.start).unwrap_or_default());
        done.push_str(&splice.text);
        at = splice.range.end;
    }
    done.push_str(text.get(at..).unwrap_or_default());
    done
}

/// How the text ends its lines.
pub(super) fn line_end(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// Where the line of `at` begins.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

/// Where the line after that of `at` begins, or the end of the text. An `at` that begins a line is taken to stand
/// after the end of the one before.
pub(super) fn next_line(text: &str, at: usize) -> usize {
    if text[..at].ends_with('\n') {
        return at;
    }
    text[at..].find('\n').map_or(text.len(), |end| at + end + 1)
}

/// The white space before the first word of the line of `at`.
pub(super) fn indent(text: &str, at: usize) -> &str {
    let line = &text[line_start(text, at)..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Puts `lines` at `at`, where a line begins or the text ends.
pub(super) fn insert_lines(text: &str, at: usize, lines: &[String]) -> Splice {
    let end = line_end(text);
    let whole = text.is_empty() || text[..at].ends_with('\n');
    let joined = lines.join(end);
    Splice::insert(
        at,
        match whole {
            true => format!("{joined}{end}"),
            false => format!("{end}{joined}"),
        },
    )
}

/// The white space before the dash of the item that begins at `at`, and that between the dash and the item.
pub(super) fn dash(text: &str, at: usize) -> (&str, &str) {
    let mut place = at;
    loop {
        let start = line_start(text, place);
        let before = indent(text, start);
        if let Some(rest) = text[start + before.len()..].strip_prefix('-') {
            let gap = rest.len() - rest.trim_start_matches(' ').len();
            return match place == at {
                true => (before, &rest[..gap]),
                false => (before, " "),
            };
        }
        match start.checked_sub(1) {
            Some(above) => place = above,
            None => return ("", " "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_dash_of_an_item() {
        let text = "a:\n  -   name: x\n  -\n    name: y\n";
        assert_eq!(dash(text, text.find("name: x").unwrap()), ("  ", "   "));
        assert_eq!(dash(text, text.find("name: y").unwrap()), ("  ", " "));
    }

    #[test]
    fn inserts_after_a_last_line_without_end() {
        let text = "a: 1\r\nb: 2";
        let at = next_line(text, text.len());
        let lines = ["c: 3".to_owned()];
        assert_eq!(
            apply(text, vec![insert_lines(text, at, &lines)]),
            "a: 1\r\nb: 2\r\nc: 3"
        );
    }
}
