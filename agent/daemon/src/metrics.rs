//! Numbers for Prometheus, as `docs/metrics.md` lists them.
//!
//! Labels are closed sets, but for the gauges of each Environment: never an object, path or message.

use std::{sync::Mutex, sync::PoisonError, time::Duration};

use api::{
    Reason,
    v1alpha1::{Action, Phase, StageRecord},
};
use cluster::Meter;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::Registry,
};

use crate::{checked::Found, journey, key::EnvironmentKey};

mod checks;
mod environments;
mod process;
mod requests;

pub(crate) use environments::Standing;

/// What is counted.
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    passes: Family<ReasonLabel, Counter>,
    pass_seconds: Histogram,
    stage_seconds: Family<StageLabel, Histogram>,
    releases: Family<PhaseLabel, Counter>,
    release_seconds: Family<PhaseLabel, Histogram>,
    changes: Family<ActionLabel, Counter>,
    drift: Counter,
    audit_checked: Counter,
    audit_missed: Counter,
    looks: Family<ResultLabel, Counter>,
    hooks: Family<ResultLabel, Counter>,
    events_dropped: Counter,
    environments: Gauge,
    replicas: Gauge,
    each: environments::Environments,
    checks: checks::Checks,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActionLabel {
    action: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabel {
    stage: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseLabel {
    phase: &'static str,
}

impl Metrics {
    /// `meter` counts the requests to API servers.
    pub(crate) fn new(meter: Meter) -> Self {
        let metrics = Self {
            registry: Mutex::default(),
            passes: Family::default(),
            // From a millisecond to half a minute.
            pass_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 16)),
            stage_seconds: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.001, 2.0, 16))
            }),
            releases: Family::default(),
            // From a tenth of a second to nearly an hour.
            release_seconds: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.1, 2.0, 16))
            }),
            changes: Family::default(),
            drift: Counter::default(),
            audit_checked: Counter::default(),
            audit_missed: Counter::default(),
            looks: Family::default(),
            hooks: Family::default(),
            events_dropped: Counter::default(),
            environments: Gauge::default(),
            replicas: Gauge::default(),
            each: environments::Environments::default(),
            checks: checks::Checks::default(),
        };
        metrics.register();
        metrics.register_others(meter);
        metrics
    }

    fn register(&self) {
        let mut all = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let all = all.sub_registry_with_prefix("driftless");
        all.register(
            "passes",
            "Passes over an environment, by how they ended",
            self.passes.clone(),
        );
        all.register(
            "pass_seconds",
            "How long a pass took",
            self.pass_seconds.clone(),
        );
        all.register(
            "stage_seconds",
            "How long a stage of a pass took",
            self.stage_seconds.clone(),
        );
        all.register(
            "releases",
            "Releases that ended, by how",
            self.releases.clone(),
        );
        all.register(
            "release_seconds",
            "From the moment the agent heard of the commit to the end of its release",
            self.release_seconds.clone(),
        );
        all.register(
            "changes",
            "Objects changed in the cluster",
            self.changes.clone(),
        );
        all.register(
            "drift_fields",
            "Fields somebody else changed",
            self.drift.clone(),
        );
        all.register(
            "audit_checked",
            "Objects compared with a dry run",
            self.audit_checked.clone(),
        );
        all.register(
            "audit_missed",
            "Objects that differed without the watch having told",
            self.audit_missed.clone(),
        );
        all.register("looks", "Looks at a config repo", self.looks.clone());
        all.register("hooks", "Webhooks received", self.hooks.clone());
        all.register(
            "events_dropped",
            "Kubernetes Events not sent because the API server took too long over others",
            self.events_dropped.clone(),
        );
        self.register_sharing(all);
    }

    fn register_sharing(&self, all: &mut Registry) {
        all.register(
            "environments",
            "Environments this replica cares for",
            self.environments.clone(),
        );
        all.register(
            "replicas",
            "Replicas that share the environments, as this one sees it",
            self.replicas.clone(),
        );
    }

    fn register_others(&self, meter: Meter) {
        let mut all = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        all.register_collector(Box::new(process::Process::new()));
        all.register_collector(Box::new(requests::Requests(meter)));
        let all = all.sub_registry_with_prefix("driftless");
        self.each.register(all);
        self.checks.register(all);
        let version = vec![("version", env!("CARGO_PKG_VERSION"))];
        all.register("build", "The agent's version", Info::new(version));
    }

    /// What a scrape is answered.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let all = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        encode(&mut text, &all).expect("encoding cannot fail because a String takes everything");
        text
    }

    pub(crate) fn pass(&self, reason: Reason, took: Duration) {
        self.passes
            .get_or_create(&ReasonLabel {
                reason: reason.as_str(),
            })
            .inc();
        self.pass_seconds.observe(took.as_secs_f64());
    }

    /// Notes how an Environment stands.
    pub(crate) fn stands(&self, key: &EnvironmentKey, standing: Standing) {
        self.each.set(key, standing);
    }

    /// Forgets an Environment that this replica no longer cares for.
    pub(crate) fn forget(&self, key: &EnvironmentKey) {
        self.each.forget(key);
        self.checks.forget_all(key);
    }

    /// Notes what a run of an HTTP check found.
    pub(crate) fn check(&self, key: &EnvironmentKey, check: &str, found: &Found) {
        self.checks.set(key, check, found);
    }

    /// Forgets a check that is no longer run.
    pub(crate) fn forget_check(&self, key: &EnvironmentKey, check: &str) {
        self.checks.forget(key, check);
    }

    /// Notes the stages of a pass that took any time.
    pub(crate) fn stages(&self, stages: &[StageRecord]) {
        for record in stages {
            if let Some(milliseconds) = record.milliseconds {
                let stage = journey::name(record.stage);
                let took = Duration::from_millis(milliseconds).as_secs_f64();
                self.stage_seconds
                    .get_or_create(&StageLabel { stage })
                    .observe(took);
            }
        }
    }

    /// Notes the end of a release, and how long it was under way as far as this process knows.
    pub(crate) fn release(&self, ended: Phase, took: Option<Duration>) {
        let label = PhaseLabel {
            phase: journey::ending(ended),
        };
        self.releases.get_or_create(&label).inc();
        if let Some(took) = took {
            self.release_seconds
                .get_or_create(&label)
                .observe(took.as_secs_f64());
        }
    }

    pub(crate) fn change(&self, action: Action) {
        let action = match action {
            Action::Created => "created",
            Action::Updated => "updated",
            Action::Recreated => "recreated",
            Action::Deleted => "deleted",
            Action::Adopted => "adopted",
        };
        self.changes.get_or_create(&ActionLabel { action }).inc();
    }

    pub(crate) fn audited(&self, checked: usize, missed: usize) {
        self.audit_checked.inc_by(checked as u64);
        self.audit_missed.inc_by(missed as u64);
    }

    pub(crate) fn drift(&self, fields: usize) {
        self.drift.inc_by(fields as u64);
    }

    pub(crate) fn look(&self, went_well: bool) {
        let result = if went_well { "done" } else { "failed" };
        self.looks.get_or_create(&ResultLabel { result }).inc();
    }

    pub(crate) fn hook(&self, accepted: bool) {
        let result = if accepted { "accepted" } else { "refused" };
        self.hooks.get_or_create(&ResultLabel { result }).inc();
    }

    pub(crate) fn event_dropped(&self) {
        self.events_dropped.inc();
    }

    pub(crate) fn sharing(&self, environments: usize, replicas: usize) {
        let number = |many: usize| i64::try_from(many).unwrap_or(i64::MAX);
        self.environments.set(number(environments));
        self.replicas.set(number(replicas));
    }
}

#[cfg(test)]
mod tests;
