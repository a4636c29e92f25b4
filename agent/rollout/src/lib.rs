//! Progressive delivery: what a strategy says, what comes next, and which objects that takes.
//!
//! ```text
//! Strategy + State + Observation + now ─► machine::step ─► State + Effects (a Wish, records, when to look again)
//! last good objects + new objects + Wish ─► Split::shape ─► the objects that are to stand now
//! ```
//! [`machine::step`] decides and is the only one that does. What it wishes for is the whole picture each time
//! ([`wish::Wish`]), so that carrying it out twice, late or after a restart makes no difference.
//! [`judge`] turns numbers into verdicts; a missing number is never a good one. [`split`] knows objects: which
//! stay at the last good revision, which stand beside them, which wait until promotion.
//!
//! Nothing here knows a clock, the network, an API client or Git. Time, pods, weights and numbers come in as values.

pub mod check;
pub mod duration;
pub mod gate;
pub mod hooks;
pub mod job;
pub mod judge;
pub mod machine;
pub mod observe;
pub mod outlook;
pub mod split;
pub mod state;
pub mod strategy;
pub mod synthetic;
pub mod victim;
pub mod watched;
pub mod wish;
pub mod words;

pub use duration::Interval;
pub use machine::{resume, step};
pub use observe::Observation;
pub use state::State;
pub use strategy::Strategy;
pub use wish::{Effects, Wish};
