//! Everything about the crate that is tested from outside.

mod conformance;
