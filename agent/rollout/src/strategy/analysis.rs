//! What is measured, what is good enough, and what happens when there is no number.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::duration::Interval;

/// Metrics that are asked again and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Analysis {
    /// How often each metric is asked. Default `30s`.
    #[serde(default = "Analysis::default_interval")]
    pub interval: Interval,
    /// How many good samples of each metric it takes. Default 3; for what is watched all the time, 1 for each weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub count: Option<u32>,
    /// How many bad samples of a metric are borne. Default 0: the first one ends the rollout.
    #[serde(default)]
    #[schemars(range(max = 1000))]
    pub failure_limit: u32,
    /// How long a number may be missing, whatever the cause; it holds the rollout up all the while. Default `5m`.
    #[serde(default = "Analysis::default_patience")]
    pub patience: Interval,
    /// What happens then. Default `abort`.
    #[serde(default)]
    pub on_missing: OnMissing,
    /// What is asked.
    #[schemars(length(min = 1, max = 20))]
    pub metrics: Vec<Metric>,
}

/// What happens when a number is missing for too long. It never counts as good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnMissing {
    /// The revision is rejected.
    #[default]
    Abort,
    /// It waits for the number, or for somebody.
    Hold,
}

/// One number and its limits. At least one of `max`, `min`, `compare` and `condition`; all that stand there count. A Job or
/// a check needs none: it has to be 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metric {
    /// What it is called on screen and in records.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Where the number comes from.
    pub from: Source,
    /// The most it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The least it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The new version against the old one, over the same window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare: Option<Compare>,
    /// In CEL, over `canary`, `stable` and `samples`: `canary <= 0.01 || canary <= stable * 1.5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub condition: Option<String>,
    /// How many requests each version must have had in the window for the number to mean anything.
    /// Needs a template, or `samples` beside the query. Default 0.
    #[serde(default)]
    pub min_samples: u32,
}

/// Where a number comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// A query that comes with the agent.
    Template(Template),
    /// A query of one's own.
    Prometheus(Prometheus),
    /// A number, or true or false, in the JSON answer of an HTTP server.
    Web(Web),
    /// A Job: 1 if it completes, 0 if it fails.
    Job(Job),
    /// An HTTP check of the Environment, by its name: 1 if it is good, 0 if not.
    Synthetic(String),
}

/// A query that comes with the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Template {
    /// What it measures.
    pub measure: Measure,
    /// Whose metrics.
    pub by: Exporter,
    /// The window. Default `1m`.
    #[serde(default = "Template::default_window")]
    pub window: Interval,
    /// The address of Prometheus. Default: the agent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub address: Option<String>,
}

/// What a template measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Measure {
    /// Share of answers that are 5xx, from 0 to 1.
    ErrorRate,
    /// Half of the requests are faster, in seconds.
    LatencyP50,
    /// 95 of 100 requests are faster, in seconds.
    LatencyP95,
    /// 99 of 100 requests are faster, in seconds.
    LatencyP99,
    /// Requests in a second.
    RequestRate,
}

/// Whose metrics a template reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Exporter {
    /// Traefik as the Gateway.
    Traefik,
    /// Envoy as the Gateway, with a cluster for each backend.
    Envoy,
    /// The nginx Ingress controller.
    Nginx,
    /// The pods themselves: `http_requests_total` with `code`, `http_request_duration_seconds`.
    App,
}

/// A query of Prometheus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prometheus {
    /// The query. `{{namespace}}`, `{{workload}}`, `{{service}}`, `{{pods}}` and `{{window}}` stand for those of the
    /// version it is asked for.
    #[schemars(length(min = 1, max = 4096))]
    pub query: String,
    /// A query for the number of requests in the window, for `minSamples`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub samples: Option<String>,
    /// The window. Default `1m`.
    #[serde(default = "Template::default_window")]
    pub window: Interval,
    /// The address. Default: the agent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub address: Option<String>,
}

/// A question to an HTTP server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Web {
    /// Asked by POST with the rollout as JSON: environment, release, revision, step, weight.
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,
    /// Where the number stands in the answer, as a JSON pointer. Default: the answer is it.
    #[serde(default)]
    pub pointer: String,
    /// How long to wait. Default `10s`.
    #[serde(default = "Web::default_timeout")]
    pub timeout: Interval,
}

/// A Job that is run for each number, in the namespace of the new version and with the rights of the environment. Its pods
/// find in their environment what they are run for: `DRIFTLESS_ENVIRONMENT`, `DRIFTLESS_RELEASE`, `DRIFTLESS_REVISION`,
/// `DRIFTLESS_WEIGHT`, and of the new version `DRIFTLESS_NAMESPACE`, `DRIFTLESS_WORKLOAD` and `DRIFTLESS_SERVICE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Job {
    /// A CronJob or Job in git, as a rule a suspended one, whose Job is run. Either this or `spec`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub template: Option<String>,
    /// The spec of a Job as Kubernetes knows it. Without a `backoffLimit`, one failed pod is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub spec: Option<Value>,
    /// How long it may take; one that takes longer is no number. Default `5m`.
    #[serde(default = "Analysis::default_patience")]
    pub timeout: Interval,
}

/// The new version against the old one. Higher is worse, unless `higherIsBetter`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Compare {
    /// How many times the old version's number is borne. Default 1.
    #[serde(default = "Compare::default_ratio")]
    #[schemars(range(min = 0))]
    pub ratio: f64,
    /// What is borne on top of that. Default 0.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub margin: f64,
    /// True where less is worse, as for a share of successes.
    #[serde(default)]
    pub higher_is_better: bool,
}

impl Analysis {
    const fn default_interval() -> Interval {
        Interval::seconds(30)
    }

    const fn default_patience() -> Interval {
        Interval::seconds(300)
    }

    /// What can be judged of the new version alone; `None` if that is nothing.
    pub fn alone(&self) -> Option<Self> {
        let metrics = self.metrics.iter().filter_map(Metric::alone);
        let metrics: Vec<_> = metrics.collect();
        (!metrics.is_empty()).then(|| Self {
            metrics,
            ..self.clone()
        })
    }

    /// Asks `metrics` as often as by default.
    pub const fn of(metrics: Vec<Metric>) -> Self {
        Self {
            interval: Self::default_interval(),
            count: None,
            failure_limit: 0,
            patience: Self::default_patience(),
            on_missing: OnMissing::Abort,
            metrics,
        }
    }
}

impl Metric {
    /// Without what takes the old version's number; `None` if no limit is left.
    fn alone(&self) -> Option<Self> {
        let mut alone = Self {
            compare: None,
            ..self.clone()
        };
        if alone.compares() {
            alone.condition = None;
        }
        let limited = alone.max.is_some() || alone.least().is_some() || alone.condition.is_some();
        limited.then_some(alone)
    }

    /// The least that its number may be. What is 1 or 0 and has no limit at all has to be 1.
    pub fn least(&self) -> Option<f64> {
        let free = self.max.is_none() && self.compare.is_none() && self.condition.is_none();
        let is_one = matches!(self.from, Source::Job(_) | Source::Synthetic(_)) && free;
        self.min.or_else(|| is_one.then_some(1.0))
    }

    /// How long it may take until there is a number; of what answers at once, no time.
    pub(crate) fn takes(&self) -> Duration {
        match &self.from {
            Source::Job(job) => job.timeout.duration(),
            Source::Template(_) | Source::Prometheus(_) | Source::Web(_) | Source::Synthetic(_) => {
                Duration::ZERO
            }
        }
    }

    /// True if the old version's number takes part.
    pub fn compares(&self) -> bool {
        let names_it = |text: &String| text.contains("stable");
        self.compare.is_some() || self.condition.as_ref().is_some_and(names_it)
    }
}

impl Template {
    const fn default_window() -> Interval {
        Interval::seconds(60)
    }
}

impl Web {
    const fn default_timeout() -> Interval {
        Interval::seconds(10)
    }
}

impl Compare {
    const fn default_ratio() -> f64 {
        1.0
    }
}

fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}
