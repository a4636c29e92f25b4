//! A pod that chaos may end.

use serde::{Deserialize, Serialize};

/// A pod that is killed, or may be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Victim {
    /// Decides whose turn it is, and that no namesake is hit.
    pub uid: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}
