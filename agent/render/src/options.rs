//! What a caller may choose.

/// How to render. The default is what `kustomize build` does without flags.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which files a kustomization may read.
    pub load_restriction: LoadRestriction,
    /// The order of the output where the root says nothing about it.
    pub order: Order,
    /// Whether every object gets the label `app.kubernetes.io/managed-by`, even if the root does not ask for it
    /// under `buildMetadata`.
    pub managed_by: bool,
}

/// Which files a kustomization may read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadRestriction {
    /// Those in or below its own directory.
    #[default]
    RootOnly,
    /// All of the tree.
    None,
}

/// The order of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Nothing is said: the legacy order.
    #[default]
    Unspecified,
    /// By kind, in kustomize's fixed order, asked for by flag.
    Legacy,
    /// As read.
    None,
}
