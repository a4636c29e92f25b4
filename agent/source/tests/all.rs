//! The crate against real servers on this machine: `git http-backend` behind TLS, `sshd`, and files.

#[path = "all/remote.rs"]
mod remote;
#[path = "all/repository.rs"]
mod repository;

#[path = "all/files.rs"]
mod files;
#[path = "all/https.rs"]
mod https;
#[path = "all/snapshots.rs"]
mod snapshots;
