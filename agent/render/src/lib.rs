//! A kustomization tree in, ordered objects out.
//!
//! [`render`](render()) is a pure function over a [`FileTree`]: no clock, network, environment, subprocess or
//! global. What `kustomize build` prints for the same files, [`Rendered::to_yaml`] prints, byte for byte; what it
//! cannot do is refused by name.

mod decode;
mod field;
mod model;
mod options;
mod origin;
mod problem;
mod resource;
mod session;
mod set;
mod transform;
pub mod tree;

pub use options::{LoadRestriction, Options, Order};
pub use problem::{Fault, RenderError};
pub use tree::{FileTree, MemTree, TreeError, TreePath};
