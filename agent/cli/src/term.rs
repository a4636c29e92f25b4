//! How text looks: streams that know about colour, styles, tables, ages.
//!
//! Colour only repeats what a word or sign says already, so that nothing is lost without it.

pub(crate) mod age;
pub(crate) mod format;
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
