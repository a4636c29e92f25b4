//! The one edit CI makes: the tag or digest of an image in an overlay.
//!
//! A [`Request`] is what was asked; [`edit()`] makes it in the text of a kustomization, splicing only the bytes that
//! have to change, and proves that nothing else changed meaning. [`commit`] does it on a branch. Nothing here talks to
//! a cluster or a registry: whether the image exists is CI's to know.

pub(crate) mod commit;
mod edit;
mod entry;
mod layout;
mod reference;
mod scalar;
mod spans;

pub(crate) use edit::{EditError, edit};
pub(crate) use reference::Request;

/// The names a kustomization file may have, in the order they are looked for.
pub(crate) const FILE_NAMES: [&str; 3] =
    ["kustomization.yaml", "kustomization.yml", "Kustomization"];
