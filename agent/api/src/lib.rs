//! Every document that somebody outside reads: custom resources, reasons, labels.
//!
//! These types only parse, default, validate and print. What they mean for a cluster is decided elsewhere.
//! The field comments here become the CRD descriptions and the reference page.

#![expect(
    unreachable_pub,
    reason = "deriving a schema with rules copies the struct, `pub` and all, into a function"
)]

pub mod conditions;
pub mod names;
pub mod reason;
pub mod schema;
pub mod v1alpha1;

pub use conditions::ConditionType;
pub use reason::Reason;
pub use rollout::{Interval, duration};
