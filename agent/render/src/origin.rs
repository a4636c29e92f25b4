//! Where an object came from and what changed it, as `buildMetadata` prints it.
//!
//! Only kept when the root asks for it. The annotations are written at the very end.

/// The origin of an object and the transformers that touched it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) origin: Option<Origin>,
    pub(crate) transformations: Vec<Origin>,
}

/// A file, or a generator or transformer and the file that configures it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) path: String,
    pub(crate) configured_in: String,
    pub(crate) configured_by: Option<Configurer>,
}

/// What generated or transformed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Configurer {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
}
