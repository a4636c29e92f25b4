//! kube: connect, discover, watch, apply, delete, lease.
//!
//! [`Cluster`] carries objects between the agent and one API server, as JSON values. It says what the server said,
//! in few words and with the reason as a type, and judges nothing: what to apply, what counts as drift and what may be
//! deleted is decided elsewhere. It keeps no objects, and never puts a value of a Secret into a text.
//!
//! Every call has a deadline, an upper bound on what it reads and a bounded number of tries; see [`Limits`].

pub mod lease;
pub mod store;

mod answer;
mod apply;
mod catalogue;
mod connect;
mod delete;
mod discovery;
mod error;
mod facts;
mod fence;
mod guard;
mod lane;
mod live;
mod meter;
mod ownership;
mod read;
mod reassign;
mod release;
mod resource;
mod secret;
mod service_account;
mod session;
mod tools;
mod transport;
mod trouble;
mod vigil;
mod watch;

pub use apply::{Applied, Apply, ApplyError, FieldConflict, FieldFault};
pub use connect::{Connect, ConnectError, Limits};
pub use delete::{Delete, DeleteError, Deleted, Propagation};
pub use discovery::ResolveError;
pub use error::{CallError, ReadError, WatchFault};
pub use facts::Facts;
pub use live::Live;
pub use meter::{Meter, RequestCount, RequestKind};
pub use ownership::{Ownership, ownership};
pub use release::{Release, ReleaseError, Released};
pub use resource::Resource;
pub use service_account::{InvalidServiceAccount, ServiceAccount};
pub use session::{AlreadyImpersonating, Cluster};
pub use trouble::Trouble;
pub use watch::{Detail, Watched};
