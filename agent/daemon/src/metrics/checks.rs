//! What the last run of each HTTP check found: three series each.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError, atomic::AtomicU64},
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::ResultLabel;
use crate::{checked::Found, key::EnvironmentKey};

/// Gauges by check.
#[derive(Default)]
pub(super) struct Checks {
    passing: Family<Label, Gauge>,
    seconds: Family<Label, Gauge<f64, AtomicU64>>,
    certificate_days: Family<Label, Gauge>,
    runs: Family<ResultLabel, Counter>,
    known: Mutex<BTreeMap<EnvironmentKey, BTreeSet<String>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    namespace: String,
    environment: String,
    check: String,
}

impl Checks {
    pub(super) fn register(&self, all: &mut Registry) {
        let help = "1 if the last run of the HTTP check was as expected, 0 if not";
        all.register("check_passing", help, self.passing.clone());
        let help = "How long the last run of the HTTP check took";
        all.register("check_seconds", help, self.seconds.clone());
        let help = "Days that the certificate seen by the HTTP check is good for";
        all.register(
            "check_certificate_days",
            help,
            self.certificate_days.clone(),
        );
        all.register("check_runs", "Runs of HTTP checks", self.runs.clone());
    }

    pub(super) fn set(&self, key: &EnvironmentKey, check: &str, found: &Found) {
        let label = label(key, check);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .entry(key.clone())
            .or_default()
            .insert(check.to_owned());
        let passing = found.fault.is_none();
        self.passing.get_or_create(&label).set(passing.into());
        self.seconds
            .get_or_create(&label)
            .set(found.took.as_secs_f64());
        if let Some(days) = found.certificate_days {
            self.certificate_days.get_or_create(&label).set(days);
        }
        let result = match (passing, found.asked) {
            (true, _) => "passed",
            (false, true) => "failed",
            (false, false) => "unasked",
        };
        self.runs.get_or_create(&ResultLabel { result }).inc();
    }

    /// Forgets one check.
    pub(super) fn forget(&self, key: &EnvironmentKey, check: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(checks) = known.get_mut(key) {
            checks.remove(check);
        }
        self.remove(&label(key, check));
    }

    /// Forgets all checks of an Environment.
    pub(super) fn forget_all(&self, key: &EnvironmentKey) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for check in known.remove(key).unwrap_or_default() {
            self.remove(&label(key, &check));
        }
    }

    fn remove(&self, label: &Label) {
        self.passing.remove(label);
        self.seconds.remove(label);
        self.certificate_days.remove(label);
    }
}

fn label(key: &EnvironmentKey, check: &str) -> Label {
    Label {
        namespace: key.namespace.clone(),
        environment: key.name.clone(),
        check: check.to_owned(),
    }
}
