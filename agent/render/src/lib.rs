//! A kustomization tree in, ordered objects out.
//!
//! [`render`](render()) is a pure function over a [`FileTree`]: no clock, network, environment, subprocess or
//! global. What `kustomize build` prints for the same files, [`Rendered::to_yaml`] prints, byte for byte; what it
//! cannot do is refused by name.

mod absorb;
mod config;
mod decode;
pub mod disk;
mod field;
mod field_path;
mod generate;
mod layer;
mod model;
mod objects;
mod options;
mod order;
mod origin;
mod plugin;
mod problem;
mod references;
mod rendered;
mod resource;
mod scalar;
mod selector;
mod session;
mod set;
mod shared;
mod text;
mod top;
mod transform;
pub mod tree;

pub use disk::DiskTree;
pub use options::{LoadRestriction, Options, Order};
pub use problem::{Fault, RenderError};
pub use rendered::{Object, Rendered};
pub use top::render;
pub use tree::{FileTree, MemTree, TreeError, TreePath};
