//! `Inventory`: what the agent has made, so that it deletes nothing else.
//!
//! Lives in the agent's own namespace, out of the reach of tenants. Entries are written before the objects
//! are made and leave only when an object is confirmed gone.
//!
//! Each entry is stored as a line of JSON: an API server checks, prunes and copies every field of a custom resource by
//! itself, which costs it more than to write the objects down that the entries tell of.

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
    /// The objects, sorted by id, each as JSON: `id`, `version`, and once it is made `uid`, `applied`, `owned` and `time`.
    #[serde(default, with = "lines")]
    #[schemars(with = "Vec<String>")]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// Entries as lines of JSON.
mod lines {
    use serde::{Deserialize, Deserializer, Serializer, ser::Error as _};

    use super::InventoryEntry;

    /// How an entry may be stored.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Line(String),
        /// As it was stored at first.
        Fields(Box<InventoryEntry>),
    }

    pub(super) fn serialize<S: Serializer>(
        entries: &[InventoryEntry],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let lines: Result<Vec<_>, _> = entries.iter().map(serde_json::to_string).collect();
        serializer.collect_seq(lines.map_err(S::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<InventoryEntry>, D::Error> {
        let stored = Vec::<Stored>::deserialize(deserializer)?;
        let entry = |stored| match stored {
            Stored::Line(line) => serde_json::from_str(&line).unwrap_or_else(|fault| none(&fault)),
            Stored::Fields(entry) => *entry,
        };
        Ok(stored.into_iter().map(entry).collect())
    }

    /// What stands for a line that is no entry. It concerns its Environment alone, so reading the others goes on: its id is
    /// none, and says why.
    fn none(fault: &serde_json::Error) -> InventoryEntry {
        InventoryEntry {
            id: fault.to_string(),
            ..InventoryEntry::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_are_lines_and_those_that_were_stored_as_fields_are_read() {
        let fields =
            json!({ "id": "/ConfigMap/shop/settings", "version": "v1", "wave": 2, "keep": true });
        let owner = json!({ "namespace": "shop", "name": "develop", "uid": "1" });
        let old = json!({ "owner": owner, "shard": 0, "entries": [fields] });
        let spec: InventorySpec = serde_json::from_value(old).unwrap();
        assert_eq!(spec.entries[0].id, "/ConfigMap/shop/settings");
        assert_eq!((spec.entries[0].wave, spec.entries[0].keep), (2, true));

        let new = serde_json::to_value(&spec).unwrap();
        let line = new["entries"][0].as_str().unwrap().to_owned();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&line).unwrap(),
            fields
        );
        assert_eq!(serde_json::from_value::<InventorySpec>(new).unwrap(), spec);

        let broken = json!({ "owner": owner, "shard": 0, "entries": ["{", line] });
        let spec: InventorySpec = serde_json::from_value(broken).unwrap();
        assert_eq!(
            spec.entries[0].id,
            "EOF while parsing an object at line 1 column 1"
        );
        assert_eq!(spec.entries[1].id, "/ConfigMap/shop/settings");
    }
}
