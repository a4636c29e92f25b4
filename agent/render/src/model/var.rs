//! `vars` as they are written.

use krm::{Gvk, Pos};

/// A name for a field of an object, used as `$(NAME)`.
#[derive(Clone, Debug)]
pub(crate) struct VarSpec {
    pub(crate) pos: Pos,
    pub(crate) name: String,
    /// From `apiVersion` if there is one, else from `group` and `version`.
    pub(crate) gvk: Gvk,
    pub(crate) object_name: String,
    pub(crate) namespace: String,
    /// `metadata.name` if nothing is said.
    pub(crate) field_path: String,
}
