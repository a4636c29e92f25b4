//! The program as its users run it: arguments in, output and exit code out.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the helpers beside the tests may fail as tests do, and a skipped test says so"
)]

mod cluster;
mod diff;
mod explain;
mod image;
mod place;
mod program;
mod push;
mod render;
mod rollback;
mod rollout;
mod support;
