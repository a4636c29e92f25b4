//! Two texts and their difference, as `diff -u` prints it.

use std::io::{self, Write};

use similar::TextDiff;

use super::style;

/// Lines shown around a change.
const AROUND: usize = 3;

/// The difference as text; empty if there is none.
pub(crate) fn text(before: &str, after: &str, names: (&str, &str)) -> String {
    if before == after {
        return String::new();
    }
    TextDiff::from_lines(before, after)
        .unified_diff()
        .context_radius(AROUND)
        .header(names.0, names.1)
        .to_string()
}

/// Writes such a text with colour; its signs say the same.
pub(crate) fn write(out: &mut impl Write, difference: &str) -> io::Result<()> {
    for line in difference.lines() {
        let style = match line.as_bytes() {
            [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => style::HEAD,
            [b'@', ..] => style::NOTE,
            [b'+', ..] => style::GOOD,
            [b'-', ..] => style::BAD,
            _ => style::PLAIN,
        };
        writeln!(out, "{style}{line}{style:#}")?;
    }
    Ok(())
}
