//! `configMapGenerator`, `secretGenerator` and `generatorOptions` as they are written.

use krm::Pos;

use super::{Pairs, Text};
use crate::resource::Behavior;

/// One `ConfigMap` or Secret to make.
#[derive(Clone, Debug, Default)]
pub(crate) struct GeneratorSpec {
    pub(crate) pos: Pos,
    pub(crate) name: Option<Text>,
    pub(crate) namespace: Option<Text>,
    pub(crate) behavior: Behavior,
    /// `key=value`
    pub(crate) literals: Vec<Text>,
    /// `[key=]path`
    pub(crate) files: Vec<Text>,
    /// Paths of files of `key=value` lines.
    pub(crate) envs: Vec<Text>,
    /// Of a Secret.
    pub(crate) secret_type: Option<Text>,
    pub(crate) options: Option<GeneratorOptions>,
}

/// What all generated objects, or one, get besides data.
#[derive(Clone, Debug, Default)]
pub(crate) struct GeneratorOptions {
    pub(crate) labels: Pairs,
    pub(crate) annotations: Pairs,
    pub(crate) disable_name_suffix_hash: bool,
    /// The line that says so.
    pub(crate) immutable: Option<Pos>,
}
