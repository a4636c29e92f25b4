//! How many pods a side keeps.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::split::config;

/// Pods of workloads, by `Deployment/shop/web`.
type Floors = BTreeMap<String, u32>;

/// At least so many pods as everybody needs, whatever git says the workload begins with.
pub(super) fn keep(object: &mut Value, floors: &Floors) {
    if !config::is_workload(object) {
        return;
    }
    let floor = floor_of(floors, &object["kind"], &object["metadata"]["name"]);
    let written = object["spec"]["replicas"].as_u64();
    if let (Some(floor), Some(written)) = (floor, written) {
        object["spec"]["replicas"] = json!(written.max(u64::from(floor)));
    }
}

/// An autoscaler that has little to do must not take them away, nor begin with fewer.
pub(super) fn raise_autoscaler(object: &mut Value, floors: &Floors) {
    if object["kind"] != "HorizontalPodAutoscaler" {
        return;
    }
    let target = &object["spec"]["scaleTargetRef"];
    let Some(floor) = floor_of(floors, &target["kind"], &target["name"]).map(u64::from) else {
        return;
    };
    let most = object["spec"]["maxReplicas"].as_u64().unwrap_or(floor);
    let least = object["spec"]["minReplicas"].as_u64().unwrap_or(1);
    object["spec"]["minReplicas"] = json!(least.max(floor.min(most)));
}

fn floor_of(floors: &Floors, kind: &Value, name: &Value) -> Option<u32> {
    let mut floors = floors.iter();
    let found = floors.find(|(key, _)| {
        let mut parts = key.split('/');
        parts.next() == kind.as_str() && parts.next_back() == name.as_str()
    });
    found.map(|(_, floor)| *floor)
}
