//! How an Environment chooses strategies, and what its status and its Releases say about rollouts.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use rollout::{gate::Gate, judge::Decision, observe::Router, wish::Record};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::command::CommandAnswer;

/// Which strategy some of the workloads follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StrategyRule {
    /// Which workloads. Left out: all of them.
    #[serde(default)]
    pub selector: WorkloadSelector,
    /// A Strategy of this namespace, or one that comes with the agent: `canary`, `canary-traefik`, `canary-envoy`,
    /// `canary-nginx`, `canary-app`, `blue-green`; `none` for all at once.
    #[schemars(length(min = 1, max = 253))]
    pub strategy: String,
}

/// Picks workloads. What is left out picks all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkloadSelector {
    /// Labels that a workload has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// Its kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<WorkloadKind>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// Kinds that can be rolled out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WorkloadKind {
    /// Side by side.
    Deployment,
    /// Pod by pod, from the highest.
    StatefulSet,
    /// Node by node.
    DaemonSet,
}

/// Where an Environment's rollouts stand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStatus {
    /// Where it stands.
    #[serde(default)]
    pub phase: RolloutPhase,
    /// The commit that serves, and that drift is repaired towards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<String>,
    /// Per cent of the requests that the new version is to get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u8>,
    /// `3/6 weight`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What it waits for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The newest revision in git, where it has been rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldRevision>,
    /// What became of the newest command that somebody gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandAnswer>,
    /// What the agent needs to go on after a restart. For the agent alone.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "anything")]
    pub state: Value,
}

/// A revision that git asks for and that is not brought out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldRevision {
    /// The commit.
    pub revision: String,
    /// Its Release.
    pub release: String,
    /// When it was rejected.
    pub since: Time,
    /// Why, as one word.
    pub reason: String,
    /// Why, in a sentence with the number.
    pub message: String,
    /// The number that stopped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// Where rollouts stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RolloutPhase {
    /// What git asks for serves.
    #[default]
    Settled,
    /// On the way through the steps.
    Stepping,
    /// All steps are passed; the stable workloads become the new revision.
    Promoting,
    /// Everybody goes to the stable workloads.
    Returning,
    /// Promoted; an alarm still brings the former release back.
    Baking,
    /// Everybody goes back to the old version.
    Ending,
    /// What git asks for was rejected; the last good revision serves.
    Held,
}

/// A Release's way through its rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseRollout {
    /// What approvals and commands are bound to: `production-000042#1`.
    pub id: String,
    /// The strategy, by name.
    pub strategy: String,
    /// Where it stands.
    pub phase: RolloutPhase,
    /// The step it is at, from 1.
    pub step: u32,
    /// How many there are.
    pub steps: u32,
    /// What the step is: `weight`, `pause`, …
    pub step_kind: String,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_since: Option<Time>,
    /// When it goes on by itself, where time alone decides that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_until: Option<Time>,
    /// Per cent of the requests that the new version is to get.
    pub weight: u8,
    /// What it waits for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The workloads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<WorkloadShare>,
    /// The metrics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricState>,
    /// How far the analysis of the step has come, so that a restart need not begin it anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// What was decided, oldest first, at most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<Record>,
}

/// One workload in both versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadShare {
    /// `Deployment/shop/web`
    pub object: String,
    /// How its users are divided.
    pub router: Router,
    /// Ready pods of the old version, and how many are wanted.
    pub stable: PodCount,
    /// Ready pods of the new version, and how many are wanted.
    pub canary: PodCount,
    /// Per cent that the new version really gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub achieved: Option<u8>,
}

/// Pods of one version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodCount {
    /// Those that can serve.
    pub ready: u32,
    /// Those that are wanted.
    pub wanted: u32,
}

/// How one metric goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricState {
    /// The last judgement.
    pub last: Decision,
    /// The last numbers, oldest first, at most 30.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recent: Vec<f64>,
}

impl RolloutPhase {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settled => "Settled",
            Self::Stepping => "Stepping",
            Self::Promoting => "Promoting",
            Self::Returning => "Returning",
            Self::Baking => "Baking",
            Self::Ending => "Ending",
            Self::Held => "Held",
        }
    }
}

fn anything(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}
