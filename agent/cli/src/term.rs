//! How text looks: streams that know about colour, styles, tables, ages.
//!
//! Colour only repeats what a word or sign says already, so that nothing is lost without it.

pub(crate) mod age;
pub(crate) mod format;
pub(crate) mod spark;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod unified;

use std::io::{StderrLock, StdoutLock};

use anstream::{AutoStream, ColorChoice};

/// Standard output. Colour is taken out where it cannot be shown or is not wanted.
pub(crate) fn stdout(color: ColorChoice) -> AutoStream<StdoutLock<'static>> {
    AutoStream::new(std::io::stdout().lock(), color)
}

/// Standard error, in the same way.
pub(crate) fn stderr(color: ColorChoice) -> AutoStream<StderrLock<'static>> {
    AutoStream::new(std::io::stderr().lock(), color)
}

/// The first characters of a commit id, as people say them.
pub(crate) fn short(revision: &str) -> &str {
    revision.get(..7).unwrap_or(revision)
}

/// `text`, or its beginning and `…` where it takes more than `width` columns.
pub(crate) fn cut(text: &str, width: usize) -> String {
    match text.chars().count() > width {
        true => text
            .chars()
            .take(width.saturating_sub(1))
            .chain(['…'])
            .collect(),
        false => text.to_owned(),
    }
}

/// `text` in lines of at most `width` columns, broken between words; a longer word stays whole.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines
            .last_mut()
            .expect("never empty because it begins with one");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_or_wrapped() {
        assert_eq!(
            (cut("abcdef", 4), cut("abcd", 4)),
            ("abc…".to_owned(), "abcd".to_owned())
        );
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("", 7), [""]);
        assert_eq!(wrap("a very-long-word b", 6), ["a", "very-long-word", "b"]);
    }
}
