//! `Inventory`: what the agent has made, so that it deletes nothing else.
//!
//! Lives in the agent's own namespace, out of the reach of tenants. Entries are written before the objects
//! are made and leave only when an object is confirmed gone.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hook::HookEntry;

/// One shard of an environment's inventory.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "driftless.dev",
    version = "v1alpha1",
    kind = "Inventory",
    plural = "inventories",
    category = "driftless",
    namespaced,
    derive = "PartialEq",
    printcolumn(
        name = "Namespace",
        type_ = "string",
        json_path = ".spec.owner.namespace"
    ),
    printcolumn(name = "Environment", type_ = "string", json_path = ".spec.owner.name"),
    printcolumn(name = "Shard", type_ = "integer", json_path = ".spec.shard"),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct InventorySpec {
    /// The Environment it belongs to.
    pub owner: OwnerRef,
    /// Which part this is, from 0.
    pub shard: u32,
    /// The revision whose objects were last all applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The objects, sorted by id.
    #[serde(default)]
    pub entries: Vec<InventoryEntry>,
}

/// Names the Environment an inventory belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnerRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID, so that a namesake made later starts afresh.
    pub uid: String,
}

/// One object the agent has made, or is about to make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InventoryEntry {
    /// `<group>/<kind>/<namespace>/<name>`; group and namespace may be empty.
    pub id: String,
    /// The version it was applied in.
    pub version: String,
    /// Its UID; absent until the API server has confirmed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Digest of what was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// Digest of the fields the API server then said we own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owned: Option<String>,
    /// Time of our entry in its managed fields, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The wave it was applied in; deletes go in reverse.
    #[serde(default)]
    pub wave: i32,
    /// True if git said that it is to be kept when it leaves git.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep: bool,
    /// True if it stands only while a revision is on its way to its users.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub temporary: bool,
    /// True if a chaos step has made it: it goes as soon as that is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disturbance: bool,
    /// What was decided about it and is not done yet: `delete`, `release` or `recreate:<digest>`. An approval
    /// is kept here, so that it outlives a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<String>,
    /// Set if it is the Job of a hook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<HookEntry>,
}
