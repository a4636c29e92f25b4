//! The comments about one value of a text that is to be printed in its own layout.

/// Comments, with their `#`. An empty line stands for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// On lines of their own, before the key or item.
    pub above: Vec<String>,
    /// On the line of the key, item or value.
    pub behind: Option<String>,
    /// On lines of their own, after the value.
    pub below: Vec<String>,
    /// The line and column of the key, or of the dash of an item, counted from 0.
    pub(crate) place: Option<(u32, u32)>,
}
