//! Whether a live object does what it is for, in its own words.
//!
//! Follows the rules of kstatus, one file per kind, with conditions that any kind may carry as the fallback.
//! How long something may take is not known here.

use std::fmt;

use krm::Gvk;
use serde_json::Value;

mod api_service;
mod autoscaler;
mod conditions;
mod cron_job;
mod daemon_set;
mod definition;
mod deployment;
mod disruption_budget;
mod gateway;
mod job;
mod live;
mod namespace;
mod pod;
mod replica_set;
mod route;
mod service;
mod stateful_set;
mod volume_claim;

use live::Live;

/// Kinds of the core group that only are there.
const PASSIVE: &[&str] = &[
    "ConfigMap",
    "Endpoints",
    "Event",
    "LimitRange",
    "PodTemplate",
    "ResourceQuota",
    "Secret",
    "ServiceAccount",
];

/// Groups whose objects only are there.
const PASSIVE_GROUPS: &[&str] = &[
    "admissionregistration.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "node.k8s.io",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// How the health of a kind is read.
type Rule = fn(Live<'_>) -> Health;

/// How an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The word.
    pub status: HealthStatus,
    /// Why, in the object's own words; empty if there is nothing to say.
    pub message: String,
}

/// How an object, or all of them, are; from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthStatus {
    /// Does what it is for.
    Healthy,
    /// Switched off on purpose.
    Suspended,
    /// On the way.
    Progressing,
    /// Not there.
    Missing,
    /// Failed, or stuck.
    Degraded,
    /// Cannot be told.
    Unknown,
}

/// Judges a live object.
pub fn assess(gvk: &Gvk, live: &Value) -> Health {
    if !has_health(gvk) {
        return present();
    }
    let live = Live(live);
    if live.text("/metadata/deletionTimestamp").is_some() {
        return progressing("is being deleted");
    }
    if let Some(health) = unobserved(live).or_else(|| conditions::declared(live)) {
        return health;
    }
    match rule(gvk) {
        Some(rule) => rule(live),
        None => conditions::generic(live),
    }
}

/// False for kinds that are healthy as soon as they are there, so that their bodies need not be watched.
pub fn has_health(gvk: &Gvk) -> bool {
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", kind) => !PASSIVE.contains(&kind),
        // An Ingress without a controller that writes addresses back would never be healthy.
        ("networking.k8s.io", "Ingress" | "IngressClass" | "NetworkPolicy")
        | ("apps", "ControllerRevision") => false,
        (group, _) => !PASSIVE_GROUPS.contains(&group),
    }
}

/// An object that is there, of a kind without health.
pub fn present() -> Health {
    Health::new(HealthStatus::Healthy, "")
}

/// An object that is not there.
pub fn missing() -> Health {
    Health::new(HealthStatus::Missing, "not there")
}

impl Health {
    /// A judgement.
    pub fn new(status: HealthStatus, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }
}

impl HealthStatus {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Suspended => "Suspended",
            Self::Progressing => "Progressing",
            Self::Missing => "Missing",
            Self::Degraded => "Degraded",
            Self::Unknown => "Unknown",
        }
    }

    /// True for what needs no waiting: healthy, or off on purpose.
    pub const fn is_fine(self) -> bool {
        matches!(self, Self::Healthy | Self::Suspended)
    }
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn rule(gvk: &Gvk) -> Option<Rule> {
    Some(match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("apps", "Deployment") => deployment::assess,
        ("apps", "StatefulSet") => stateful_set::assess,
        ("apps", "DaemonSet") => daemon_set::assess,
        ("apps", "ReplicaSet") | ("", "ReplicationController") => replica_set::assess,
        ("", "Pod") => pod::assess,
        ("batch", "Job") => job::assess,
        ("batch", "CronJob") => cron_job::assess,
        ("", "PersistentVolumeClaim") => volume_claim::assess,
        ("", "Service") => service::assess,
        ("", "Namespace") => namespace::assess,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition::assess,
        ("apiregistration.k8s.io", "APIService") => api_service::assess,
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaler::assess,
        ("policy", "PodDisruptionBudget") => disruption_budget::assess,
        ("gateway.networking.k8s.io", "Gateway" | "GatewayClass") => gateway::assess,
        ("gateway.networking.k8s.io", kind) if kind.ends_with("Route") => route::assess,
        _ => return None,
    })
}

/// Set if the object's controller has not seen its latest change.
fn unobserved(live: Live<'_>) -> Option<Health> {
    let (wanted, seen) = (live.generation(), live.int("/status/observedGeneration")?);
    let message = || format!("its controller has seen generation {seen}, not yet {wanted}");
    (seen < wanted).then(|| progressing(message()))
}

fn healthy(message: impl Into<String>) -> Health {
    Health::new(HealthStatus::Healthy, message)
}

fn suspended(message: impl Into<String>) -> Health {
    Health::new(HealthStatus::Suspended, message)
}

fn progressing(message: impl Into<String>) -> Health {
    Health::new(HealthStatus::Progressing, message)
}

fn degraded(message: impl Into<String>) -> Health {
    Health::new(HealthStatus::Degraded, message)
}
