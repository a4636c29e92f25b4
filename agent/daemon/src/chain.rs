//! An error and its causes as one line.

use std::error::Error;

/// The texts of `error` and its causes, joined by `: `. A cause its parent already quotes is dropped.
pub(crate) fn text(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    text
}
