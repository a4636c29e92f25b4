//! Whom the numbers of a rollout are about: each workload in both versions, by the names that queries know it by.
//!
//! Kept with the rollout, so that numbers can still be asked for where nobody can tell any more what it is about.

use serde::{Deserialize, Serialize};

/// One workload in both versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Watched {
    /// The new version.
    pub canary: Place,
    /// The old one.
    pub stable: Place,
    /// True if whoever has a ready pod has users, whatever the weight.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_pods: bool,
}

/// Where one version of a workload is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// Its namespace.
    pub namespace: String,
    /// The workload's name.
    pub workload: String,
    /// The name of the Service that leads to it; empty if there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service: String,
}
