//! What is wrong with a chaos step, whatever it is used for. What it may touch is judged in `split`.

use serde_json::Value;

use super::Faults;
use crate::strategy::Chaos;

/// What our own annotations begin with.
const OURS: &str = "driftless.dev/";

impl Chaos {
    pub(super) fn check(&self, at: &str, faults: &mut Faults) {
        faults.length(at, self.duration.duration());
        if !self.does_something() {
            faults.add(at, "does nothing; add kill, isolate, scale or objects");
        }
        if self.kill.is_some_and(|kill| !(1..=100).contains(&kill)) {
            faults.add(at, "kills less than 1 or more than 100 per cent");
        }
        if !self.objects.iter().all(is_whole) {
            faults.add(
                at,
                "has an object without apiVersion, kind or metadata.name",
            );
        }
        if self.objects.iter().any(has_our_annotations) {
            faults.add(
                at,
                "has an object with annotations of driftless.dev; they mean nothing here, take them off",
            );
        }
    }
}

fn is_whole(object: &Value) -> bool {
    let mut texts = ["/apiVersion", "/kind", "/metadata/name"].iter();
    texts.all(|path| object.pointer(path).is_some_and(Value::is_string))
}

fn has_our_annotations(object: &Value) -> bool {
    let annotations = object["metadata"]["annotations"].as_object();
    annotations.is_some_and(|all| all.keys().any(|key| key.starts_with(OURS)))
}
