//! `Strategy`: how a new revision reaches its users. What each field means stands with the engine that reads it.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// How a new revision reaches its users. Environments choose it by name.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "driftless.dev",
    version = "v1alpha1",
    kind = "Strategy",
    plural = "strategies",
    category = "driftless",
    namespaced,
    derive = "PartialEq",
    printcolumn(name = "Traffic", type_ = "string", json_path = ".spec.traffic"),
    printcolumn(name = "Bake", type_ = "string", json_path = ".spec.bake"),
    printcolumn(
        name = "Deadline",
        type_ = "string",
        json_path = ".spec.progressDeadline"
    ),
    printcolumn(
        name = "Watched",
        type_ = "string",
        json_path = ".spec.analysis.metrics[*].name"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.steps) && size(self.steps) > 0").message("has no steps; add at least one"))]
#[x_kube(validation = Rule::new("!has(self.bake) || has(self.analysis) || (has(self.steps) && self.steps.exists(s, has(s.synthetic)))").message("bake: nothing is watched in that time; add analysis or a synthetic step"))]
#[x_kube(validation = Rule::new("!has(self.namespaces) || self.namespaces.blue != self.namespaces.green").message("namespaces: blue and green are the same"))]
#[x_kube(validation = Rule::new("!has(self.traffic) || self.traffic != 'switch' || !has(self.steps) || self.steps.all(s, !has(s.weight) || s.weight in [0, 100])").message("traffic: switch knows weights 0 and 100 only"))]
pub struct StrategySpec {
    /// The strategy itself.
    #[serde(flatten)]
    pub strategy: rollout::Strategy,
}
