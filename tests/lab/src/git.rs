//! Git repositories as a team's would be: bare, written by commits with the real git program, served in the usual ways.
//!
//! Authors and dates are fixed, so the same steps give the same commit ids on every machine.

pub use commit::{Author, Commit};
pub(crate) use http::tls;
pub use http::{Auth, Fault, GitHttp, HttpOptions, Request};
pub use repo::{BareRepo, GitError};
pub use ssh::GitSsh;

mod cgi;
mod commit;
mod http;
mod repo;
mod ssh;
