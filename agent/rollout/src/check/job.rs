//! What is wrong with a Job as a metric, as far as that can be told without a cluster. The API server says the rest.

use std::time::Duration;

use serde_json::Value;

use super::Faults;
use crate::strategy::analysis::Job;

impl Job {
    pub(super) fn check(&self, at: &str, metric: &str, faults: &mut Faults) {
        let mut add = |field: &str, message: &str| {
            faults.add(
                &format!("{at}{field}"),
                format!("metric {metric}: {message}"),
            );
        };
        if self.template.is_some() == self.spec.is_some() {
            add("", "needs either template or spec");
        }
        if self.timeout.duration() < Duration::from_secs(1) {
            add(".timeout", "is below a second");
        }
        if let Some(spec) = &self.spec {
            for (field, message) in in_spec(spec) {
                add(&format!(".spec{field}"), message);
            }
        }
        faults.length(&format!("{at}.timeout"), self.timeout.duration());
    }
}

/// Where something is wrong below a Job's `spec`, and what.
fn in_spec(spec: &Value) -> Vec<(String, &'static str)> {
    let mut wrong = Vec::new();
    if spec["suspend"] == true {
        wrong.push((".suspend".to_owned(), "so it would never end; take it out"));
    }
    let pod = &spec["template"]["spec"];
    let Some(containers) = pod["containers"].as_array().filter(|all| !all.is_empty()) else {
        let at = ".template.spec.containers".to_owned();
        wrong.push((at, "there are none; say what is to run"));
        return wrong;
    };
    for (place, container) in containers.iter().enumerate() {
        for field in ["name", "image"] {
            let at = || format!(".template.spec.containers[{place}].{field}");
            if container[field].as_str().is_none_or(str::is_empty) {
                wrong.push((at(), "is missing"));
            }
        }
    }
    if !matches!(pod["restartPolicy"].as_str(), Some("Never" | "OnFailure")) {
        let at = ".template.spec.restartPolicy".to_owned();
        wrong.push((at, "has to be Never or OnFailure in a Job"));
    }
    wrong
}
