//! Disturbances on purpose.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Amount;
use crate::duration::Interval;

/// Disturbs the new version for a time. Whatever it makes is removed again, also when the rollout ends on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Chaos {
    /// How long.
    #[serde(rename = "for")]
    pub duration: Interval,
    /// Per cent of the pods that are deleted once, at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub kill: Option<u8>,
    /// True cuts the pods off by a NetworkPolicy, in both directions.
    #[serde(default)]
    pub isolate: bool,
    /// So many pods instead of those that the step before has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Amount>,
    /// Objects that stand for the time of the step. `{{namespace}}`, `{{workload}}` and `{{version}}` in their texts
    /// stand for the new version's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), schema_with = "any_objects")]
    pub objects: Vec<Value>,
    /// Workloads that are disturbed besides the new version: `Deployment/shop/api`. Nothing else ever is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub also: Vec<String>,
}

impl Chaos {
    /// True if it does anything at all.
    pub fn does_something(&self) -> bool {
        self.kill.is_some() || self.isolate || self.scale.is_some() || !self.objects.is_empty()
    }
}

fn any_objects(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "maxItems": 10,
        "items": { "type": "object", "x-kubernetes-preserve-unknown-fields": true }
    })
}
