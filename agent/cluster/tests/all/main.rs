//! Against a real API server; what no real one would say comes from a fake.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its fixtures too"
)]

mod adopt;
mod apply;
mod bounds;
mod busy;
mod delete;
mod discovery;
mod drift;
mod fake;
mod garbage;
mod identity;
mod late;
mod lease;
mod release;
mod store;
mod watch;
mod world;
