//! How each Environment stands, for alerts: three series each.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use api::Reason;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::key::EnvironmentKey;

/// Gauges by Environment.
#[derive(Default)]
pub(super) struct Environments {
    ready: Family<ReadyLabel, Gauge>,
    objects: Family<Label, Gauge>,
    drifted: Family<Label, Gauge>,
    /// The reason in the label of `ready`, which goes when another takes its place.
    told: Mutex<BTreeMap<EnvironmentKey, Reason>>,
}

/// What one pass found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) ready: bool,
    pub(crate) reason: Reason,
    pub(crate) objects: u32,
    pub(crate) drifted: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    namespace: String,
    environment: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReadyLabel {
    namespace: String,
    environment: String,
    reason: &'static str,
}

impl Environments {
    pub(super) fn register(&self, all: &mut Registry) {
        let help = "1 if the Environment is Ready, 0 if not, with the reason of the condition";
        all.register("environment_ready", help, self.ready.clone());
        let help = "Objects the Environment manages";
        all.register("environment_objects", help, self.objects.clone());
        let help = "Objects of the Environment that differ from git now";
        all.register("environment_drifted_objects", help, self.drifted.clone());
    }

    pub(super) fn set(&self, key: &EnvironmentKey, standing: Standing) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let before = told.insert(key.clone(), standing.reason);
        if let Some(before) = before.filter(|before| *before != standing.reason) {
            self.ready.remove(&ready(key, before));
        }
        self.ready
            .get_or_create(&ready(key, standing.reason))
            .set(standing.ready.into());
        self.objects
            .get_or_create(&label(key))
            .set(standing.objects.into());
        self.drifted
            .get_or_create(&label(key))
            .set(standing.drifted.into());
    }

    pub(super) fn forget(&self, key: &EnvironmentKey) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = told.remove(key) {
            self.ready.remove(&ready(key, reason));
            self.objects.remove(&label(key));
            self.drifted.remove(&label(key));
        }
    }
}

fn label(key: &EnvironmentKey) -> Label {
    Label {
        namespace: key.namespace.clone(),
        environment: key.name.clone(),
    }
}

fn ready(key: &EnvironmentKey, reason: Reason) -> ReadyLabel {
    let Label {
        namespace,
        environment,
    } = label(key);
    ReadyLabel {
        namespace,
        environment,
        reason: reason.as_str(),
    }
}
