//! Everything about the crate that is tested from outside.
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

mod bounds;
mod conformance;
mod differential;
mod golden;
mod scalars;
