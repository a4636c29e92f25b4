//! The program as its users run it: arguments in, output and exit code out.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers beside the tests may fail as tests do"
)]

mod cluster;
mod diff;
mod image;
mod place;
mod program;
mod push;
mod render;
mod rollback;
mod support;
