//! The steps of a strategy.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Amount, Analysis, Chaos};
use crate::duration::Interval;

/// One step; the next one begins when it has been passed.
///
/// Whatever the step, it is passed only while the new version has the pods it needs, and while what the strategy
/// watches is well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Per cent of the requests for the new version. Its pods are made for it first.
    Weight(#[schemars(range(max = 100))] u8),
    /// Pods of the new version. With a router their share stays what the last `weight` says.
    Replicas(Amount),
    /// Waits for a time, or until somebody says to go on.
    Pause(Pause),
    /// Waits until so many samples of each metric are good.
    Analysis(Analysis),
    /// Waits until HTTP checks of the Environment are good so many times.
    Synthetic(Synthetic),
    /// Disturbs the new version for a time, and puts everything right again.
    Chaos(Chaos),
    /// Sets the share of users for whom a feature flag has a given variant.
    Flag(Flag),
    /// Waits until so many people have approved.
    Approve(Approve),
}

/// A wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pause {
    /// How long. Left out: until `driftless rollout promote`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub duration: Option<Interval>,
}

/// HTTP checks as a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Synthetic {
    /// Names of checks of the Environment.
    #[schemars(length(min = 1, max = 20))]
    pub checks: Vec<String>,
    /// How often each has to be good. Default 3.
    #[serde(default = "Synthetic::default_count")]
    #[schemars(range(min = 1, max = 1000))]
    pub count: u32,
    /// How often each is asked while the step lasts. Default `10s`.
    #[serde(default = "Synthetic::default_interval")]
    pub interval: Interval,
}

/// A step of a feature flag of an OpenFeature flagd file that a ConfigMap holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Flag {
    /// The ConfigMap, by its name in git.
    #[schemars(length(min = 1, max = 253))]
    pub config_map: String,
    /// The key of the file in it. Default `flags.json`.
    #[serde(default = "Flag::default_key")]
    pub key: String,
    /// The flag.
    #[schemars(length(min = 1, max = 253))]
    pub flag: String,
    /// The variant that is brought in. Default `on`.
    #[serde(default = "Flag::default_variant")]
    pub variant: String,
    /// Per cent of the users who get it; the others keep the default variant.
    #[schemars(range(max = 100))]
    pub percent: u8,
    /// What of the evaluation context decides who is who. Default `targetingKey`.
    #[serde(default = "Flag::default_by")]
    pub by: String,
}

/// A wait for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approve {
    /// How many different people. Default 1.
    #[serde(default = "Approve::default_needed")]
    #[schemars(range(min = 1, max = 20))]
    pub needed: u32,
}

impl Step {
    /// The word.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Weight(_) => "weight",
            Self::Replicas(_) => "replicas",
            Self::Pause(_) => "pause",
            Self::Analysis(_) => "analysis",
            Self::Synthetic(_) => "synthetic",
            Self::Chaos(_) => "chaos",
            Self::Flag(_) => "flag",
            Self::Approve(_) => "approve",
        }
    }
}

impl Synthetic {
    const fn default_count() -> u32 {
        3
    }

    const fn default_interval() -> Interval {
        Interval::seconds(10)
    }
}

impl Flag {
    fn default_key() -> String {
        "flags.json".to_owned()
    }

    fn default_variant() -> String {
        "on".to_owned()
    }

    fn default_by() -> String {
        "targetingKey".to_owned()
    }

    /// Which flag of which file: `flags/flags.json#new-checkout`.
    pub fn id(&self) -> String {
        format!("{}/{}#{}", self.config_map, self.key, self.flag)
    }
}

impl Approve {
    const fn default_needed() -> u32 {
        1
    }
}
