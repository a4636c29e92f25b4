//! Numbers about the agent itself. Labels are closed sets: never a name, path or message.

use std::{sync::Mutex, sync::PoisonError, time::Duration};

use api::{Reason, v1alpha1::Action};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

/// What is counted.
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    passes: Family<ReasonLabel, Counter>,
    pass_seconds: Histogram,
    changes: Family<ActionLabel, Counter>,
    drift: Counter,
    looks: Family<ResultLabel, Counter>,
    hooks: Family<ResultLabel, Counter>,
    environments: Gauge,
    leading: Gauge,
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

impl Metrics {
    pub(crate) fn new() -> Self {
        let metrics = Self {
            registry: Mutex::default(),
            passes: Family::default(),
            // From a millisecond to half a minute.
            pass_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 16)),
            changes: Family::default(),
            drift: Counter::default(),
            looks: Family::default(),
            hooks: Family::default(),
            environments: Gauge::default(),
            leading: Gauge::default(),
        };
        metrics.register();
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
            "changes",
            "Objects changed in the cluster",
            self.changes.clone(),
        );
        all.register(
            "drift_fields",
            "Fields somebody else changed",
            self.drift.clone(),
        );
        all.register("looks", "Looks at a config repo", self.looks.clone());
        all.register("hooks", "Webhooks received", self.hooks.clone());
        all.register(
            "environments",
            "Environments this replica cares for",
            self.environments.clone(),
        );
        all.register(
            "leading",
            "1 if this replica acts, 0 if it stands by",
            self.leading.clone(),
        );
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

    pub(crate) fn environments(&self, many: usize) {
        self.environments
            .set(i64::try_from(many).unwrap_or(i64::MAX));
    }

    pub(crate) fn leading(&self, yes: bool) {
        self.leading.set(i64::from(yes));
    }
}
