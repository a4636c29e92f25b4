//! The lab itself, tried from outside: what it starts works, and what it leaves is nothing.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, helpers included"
)]

mod control_plane;
mod git_servers;
mod leaves_nothing;
mod processes;
