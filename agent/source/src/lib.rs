//! Git, as the agent needs it: look at branches, fetch what is missing, read files of one commit.
//!
//! ```text
//! Mirror::look ─► Mirror::fetch ─► Mirror::snapshot ─► Snapshot (a render::FileTree)
//! ```
//! A [`Mirror`] holds one repository address and its objects. Everything here blocks; call it from a thread that may.
//! The remote is only ever read: no checkout, no hook, no configuration of the machine, no credential helper and no
//! subprocess but `ssh`. This crate does not know Kubernetes, environments, or what the files mean.

mod address;
mod branch;
mod budget;
mod credentials;
mod fetch_error;
mod history;
mod limits;
mod mirror;
mod revision;
mod snapshot;
mod store;
mod wire;

pub use address::{AddressError, RepoUrl};
pub use branch::{Branch, BranchError};
pub use credentials::{Credentials, CredentialsError};
pub use fetch_error::{FetchError, Reason};
pub use history::{Commit, HistoryError};
pub use limits::Limits;
pub use mirror::{Fetched, Mirror};
pub use revision::{Revision, RevisionError};
pub use snapshot::{Fingerprint, ObjectIdHex, Snapshot, SnapshotError};
pub use store::OpenError;
