//! Jobs that are run for a number: which Job that is, and what its end means.
//!
//! Each number is a Job of its own, named after what it is for and when, so that whoever makes it again makes no second
//! one. Who makes, watches and deletes them is not known here.

use jiff::Timestamp;
use plan::{
    health::{Health, HealthStatus},
    hooks,
};
use serde_json::{Map, Value, json};

use crate::{
    judge::{Missing, Numbers},
    split::Object,
    strategy::{Analysis, Metric, Source, Step, Strategy, analysis::Job},
};

/// What the reason of a Job that took too long begins with.
const LATE: &str = "DeadlineExceeded";
/// Of a metric whose name holds nothing that a Job's name can.
const NAMELESS: &str = "metric";

/// What a Job is run for, as its pods find it in their environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occasion {
    /// `shop/production`
    pub environment: String,
    /// The release.
    pub release: String,
    /// The commit.
    pub revision: String,
    /// Per cent that the new version gets.
    pub weight: u8,
    /// Where the new version is, and the Job.
    pub namespace: String,
    /// The new version's workloads.
    pub workloads: Vec<String>,
    /// The Services that lead to it.
    pub services: Vec<String>,
}

impl Job {
    /// The whole Job, to be called `name`, unless its template is not among `objects`, those of the revision.
    pub fn body(&self, name: &str, objects: &[Object], on: &Occasion) -> Result<Value, String> {
        let (spec, labels) = match (&self.spec, &self.template) {
            (Some(spec), _) => (spec, &Value::Null),
            (None, Some(template)) => found(template, objects).ok_or_else(|| absent(template))?,
            (None, None) => return Err("needs either template or spec".to_owned()),
        };
        let mut spec = spec.clone();
        if let Some(spec) = spec.as_object_mut() {
            self.settle(spec);
        }
        for kind in ["initContainers", "containers"] {
            let path = format!("/template/spec/{kind}");
            let containers = spec.pointer_mut(&path).and_then(Value::as_array_mut);
            containers
                .into_iter()
                .flatten()
                .for_each(|container| on.tell(container));
        }
        let mut metadata = json!({ "name": name, "namespace": on.namespace });
        if labels.is_object() {
            metadata["labels"] = labels.clone();
        }
        Ok(json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec }))
    }

    /// The name of the Job for the number of `metric` that is called `key` and was due then.
    pub fn name(&self, metric: &str, key: &str, due: Timestamp) -> String {
        let plain = |c: char| match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => c,
            _ => '-',
        };
        let of = self.template.as_deref().unwrap_or(metric);
        let of: String = of.chars().map(plain).collect();
        let of = of.trim_matches('-');
        let of = if of.is_empty() { NAMELESS } else { of };
        hooks::name(of, &format!("{key}@{due}"))
    }

    /// Runs once, no longer than it may, and is taken away by nobody but us.
    fn settle(&self, spec: &mut Map<String, Value>) {
        for ours in ["suspend", "ttlSecondsAfterFinished"] {
            spec.remove(ours);
        }
        // A selector of its own would pick the pods of all of them.
        for picked in ["selector", "manualSelector"] {
            spec.remove(picked);
        }
        // A check that fails and is tried until it passes says nothing.
        spec.entry("backoffLimit").or_insert(json!(0));
        let most = self.timeout.duration().as_secs().max(1);
        let own = spec.get("activeDeadlineSeconds").and_then(Value::as_u64);
        let deadline = own.map_or(most, |own| own.min(most));
        spec.insert("activeDeadlineSeconds".to_owned(), json!(deadline));
    }
}

impl Occasion {
    /// Puts it into the environment of a container, before what stands there, so that that can name it: `$(DRIFTLESS_…)`.
    fn tell(&self, container: &mut Value) {
        let Some(container) = container.as_object_mut() else {
            return;
        };
        let own = container.get("env").and_then(Value::as_array).cloned();
        let own = own.unwrap_or_default();
        let mut all: Vec<Value> = Vec::new();
        for (name, value) in self.variables() {
            if !own.iter().any(|variable| variable["name"] == name) {
                all.push(json!({ "name": name, "value": value }));
            }
        }
        all.extend(own);
        container.insert("env".to_owned(), all.into());
    }

    fn variables(&self) -> [(&'static str, String); 7] {
        [
            ("DRIFTLESS_ENVIRONMENT", self.environment.clone()),
            ("DRIFTLESS_RELEASE", self.release.clone()),
            ("DRIFTLESS_REVISION", self.revision.clone()),
            ("DRIFTLESS_WEIGHT", self.weight.to_string()),
            ("DRIFTLESS_NAMESPACE", self.namespace.clone()),
            ("DRIFTLESS_WORKLOAD", self.workloads.join(" ")),
            ("DRIFTLESS_SERVICE", self.services.join(" ")),
        ]
    }
}

/// The number that a Job says by how it is; nothing while it is at work.
pub fn number(health: &Health) -> Option<Result<Numbers, Missing>> {
    let is = |canary| {
        Ok(Numbers {
            canary,
            ..Numbers::default()
        })
    };
    match health.status {
        HealthStatus::Healthy => Some(is(1.0)),
        HealthStatus::Degraded if health.message.starts_with(LATE) => Some(Err(Missing::Timeout)),
        HealthStatus::Degraded => Some(is(0.0)),
        HealthStatus::Suspended
        | HealthStatus::Progressing
        | HealthStatus::Missing
        | HealthStatus::Unknown => None,
    }
}

/// Metrics of `strategy` whose template is not among `objects`, those of the revision that is to be brought out.
pub fn faults(strategy: &Strategy, objects: &[Object]) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, analysis) in analyses(strategy) {
        for (place, Metric { name, from, .. }) in analysis.metrics.iter().enumerate() {
            if let Source::Job(job) = from
                && let (Some(template), None) = (&job.template, &job.spec)
                && found(template, objects).is_none()
            {
                faults.push(format!(
                    "{at}.metrics[{place}].from.job.template: metric {name}: {}",
                    absent(template)
                ));
            }
        }
    }
    faults
}

fn analyses(strategy: &Strategy) -> Vec<(String, &Analysis)> {
    let watched = strategy.analysis.iter();
    let mut all: Vec<_> = watched.map(|one| ("analysis".to_owned(), one)).collect();
    for (place, step) in strategy.steps.iter().enumerate() {
        if let Step::Analysis(own) = step {
            all.push((format!("steps[{place}].analysis"), own));
        }
    }
    all
}

/// The spec and the labels of the Job that the CronJob or Job called `name` in git makes.
fn found<'o>(name: &str, objects: &'o [Object]) -> Option<(&'o Value, &'o Value)> {
    let of = |kind: &str, path: &str| {
        let is = |object: &&Object| {
            object.0["apiVersion"] == "batch/v1"
                && object.0["kind"] == kind
                && object.0["metadata"]["name"] == name
        };
        let (object, _) = objects.iter().find(is)?;
        let template = object.pointer(path)?;
        Some((&template["spec"], &template["metadata"]["labels"]))
    };
    of("CronJob", "/spec/jobTemplate").or_else(|| of("Job", ""))
}

fn absent(template: &str) -> String {
    format!(
        "the revision has neither a CronJob nor a Job {template:?} of batch/v1; add one, suspended"
    )
}
