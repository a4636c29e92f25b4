//! `labels`, `images`, `replicas`, `sortOptions`: settings about many objects at once.

use krm::Pos;

use super::{Pairs, Text};
use crate::field::FieldSpec;

/// One entry of `labels`.
#[derive(Clone, Debug, Default)]
pub(crate) struct LabelSpec {
    pub(crate) pairs: Pairs,
    pub(crate) include_selectors: bool,
    pub(crate) include_templates: bool,
    pub(crate) include_volume_claim_templates: bool,
    /// Where else they go.
    pub(crate) fields: Vec<FieldSpec>,
}

/// One entry of `images`. Empty means "leave as it is".
#[derive(Clone, Debug, Default)]
pub(crate) struct ImageSpec {
    pub(crate) pos: Pos,
    /// A regular expression, mostly a plain name.
    pub(crate) name: String,
    pub(crate) new_name: Option<Text>,
    pub(crate) new_tag: Option<Text>,
    pub(crate) tag_suffix: Option<Text>,
    pub(crate) digest: Option<Text>,
}

/// One entry of `replicas`.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReplicaSpec {
    pub(crate) pos: Pos,
    pub(crate) name: String,
    pub(crate) count: i64,
    /// The line of the count.
    pub(crate) count_pos: Pos,
}

/// `sortOptions` of the root.
#[derive(Clone, Debug, Default)]
pub(crate) struct SortOptions {
    pub(crate) pos: Pos,
    /// `legacy` or `fifo`.
    pub(crate) order: Option<Text>,
    pub(crate) legacy: Option<LegacyOrder>,
}

/// Kinds that come first and last, in this order.
#[derive(Clone, Debug, Default)]
pub(crate) struct LegacyOrder {
    pub(crate) first: Vec<String>,
    pub(crate) last: Vec<String>,
}
