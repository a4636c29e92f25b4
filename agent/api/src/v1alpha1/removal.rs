//! What becomes of objects that go, with their Environment or without it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens to the objects when their Environment is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnDelete {
    /// They stay as they are and are no longer managed: only the label that names the Environment goes.
    #[default]
    Orphan,
    /// They are deleted, in the reverse of the order of applying; Namespaces, CRDs and volume claims only
    /// after an approval.
    Prune,
}

/// An object that was deleted and is not gone yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Leaving {
    /// `Deployment/shop/web`
    pub object: String,
    /// What it waits for.
    pub message: String,
}
