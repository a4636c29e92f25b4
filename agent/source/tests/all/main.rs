//! The crate against real servers on this machine: `git http-backend` behind TLS, `sshd`, and files.
#![expect(
    clippy::unwrap_used,
    reason = "whatever fails here fails the test, and says where"
)]

mod remote;
mod repository;

mod faults;
mod files;
mod history;
mod https;
mod mirrors;
mod snapshots;
mod ssh;
