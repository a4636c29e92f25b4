//! Kubernetes objects as data.
//!
//! A manifest is a [`Node`] tree that remembers, for each value, how it was written and where. Everything
//! that renders works on such trees; everything that talks to a cluster works on the JSON they become.
//! This crate knows no clock, network, environment or file system.

mod brief;
pub mod id;
pub mod json;
pub mod json6902;
pub mod merge;
pub mod node;
pub mod object;
mod remarks;
pub mod schema;
#[cfg(test)]
mod testing;
pub mod yaml;

pub use brief::Brief;
pub use id::{Gvk, ObjectId, split_api_version};
pub use node::{Entry, Kind, Map, Node, Note, Pos, Scalar, SourceId, Style, Tag};
pub use remarks::Remarks;
