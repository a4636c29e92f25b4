//! A kustomization tree in, ordered objects out.
//!
//! [`render`](render()) is a pure function over a [`FileTree`]: no clock, network, environment, subprocess or
//! global. What `kustomize build` prints for the same files, [`Rendered::to_yaml`] prints, byte for byte; what it
//! cannot do is refused by name.

pub mod tree;

pub use tree::{FileTree, MemTree, TreeError, TreePath};
