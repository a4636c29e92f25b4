//! `patches`, `patchesJson6902`, and `patchesStrategicMerge` as it is written.

use krm::Pos;

use super::{Selector, Text};

/// One entry of `patches` or `patchesJson6902`.
#[derive(Clone, Debug)]
pub(crate) struct PatchSpec {
    pub(crate) pos: Pos,
    /// A file with the patch.
    pub(crate) path: Option<Text>,
    /// The patch itself; `jsonOp` in a `PatchJson6902Transformer`.
    pub(crate) patch: Option<Text>,
    /// The objects it is for; `None` if the patch itself says so.
    pub(crate) target: Option<Selector>,
    pub(crate) options: PatchOptions,
}

/// What a patch may change besides fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PatchOptions {
    pub(crate) allow_name_change: bool,
    pub(crate) allow_kind_change: bool,
}
