//! A real control plane and real Git servers on this machine, for the demo and the tests.
//!
//! [`ControlPlane`] is etcd, the API server, the controller manager, the scheduler and kwok, built once from the Go
//! modules beside this crate and started on free loopback ports. [`git`] is repositories written with the git program
//! and served over https, ssh or `file://`, with faults on demand. [`audit`] reads what the API server wrote down, and
//! [`Process`] runs a program under test. Inside a [`network`] of one's own, pods really serve ([`Serving`]) behind a real
//! [`Gateway`], under [`Load`], watched by a real [`Prometheus`]. Nothing started here outlives the program that started it.
//!
//! The lab knows nothing of Driftless: neither its objects nor its words. It runs on a machine with Rust, Go and git.

pub mod audit;
pub mod build;
pub mod control_plane;
pub mod gateway;
pub mod git;
pub mod load;
pub mod network;
mod pki;
mod ports;
pub mod process;
mod progress;
pub mod prometheus;
mod relay;
pub mod serving;
mod site;
mod slow;
mod wait;

pub use control_plane::{Api, ControlPlane, Options, Part};
pub use gateway::Gateway;
pub use git::{Author, BareRepo, Commit, Fault, GitHttp, GitSsh};
pub use load::Load;
pub use ports::Port;
pub use process::Process;
pub use progress::{Progress, Step};
pub use prometheus::Prometheus;
pub use relay::Relay;
pub use serving::Serving;
pub use site::{Identity, Site};
pub use slow::{Silent, SlowWebhook};
pub use wait::{NotYet, eventually, unique};
