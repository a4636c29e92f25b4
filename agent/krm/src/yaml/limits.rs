//! How much a YAML text may cost.

/// Bounds on what reading one text may cost; going past one is an error, never a slow answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of text.
    pub bytes: usize,
    /// Documents in the text.
    pub documents: usize,
    /// Maps and lists inside one another, aliases followed.
    pub depth: usize,
    /// Values in all documents together, aliases followed.
    pub nodes: usize,
    /// Bytes that aliases and merges may add, each value weighing its text and [`NODE_WEIGHT`].
    pub alias_bytes: usize,
}

/// What one value weighs in [`Limits::alias_bytes`] besides its text; about what it takes in memory.
pub const NODE_WEIGHT: usize = 64;

/// Far beyond any real configuration, and still well under a second and a few hundred MiB.
impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            documents: 100_000,
            depth: 100,
            nodes: 4_000_000,
            alias_bytes: 64 << 20,
        }
    }
}
