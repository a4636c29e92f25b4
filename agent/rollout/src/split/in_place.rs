//! StatefulSets and DaemonSets: pod by pod, in the place of the old ones.

use serde_json::{Value, json};

use crate::words;

/// Lets `pods` out of `all` be of the new revision, whose digest is `revision`. A DaemonSet's own way of updating knows
/// no number to stop at: somebody has to delete the old pods.
pub(super) fn advance(workload: &mut Value, pods: u32, all: u32, revision: &str) {
    let metadata = &mut workload["metadata"];
    if !metadata["labels"].is_object() {
        metadata["labels"] = json!({});
    }
    metadata["labels"][words::TOWARD_LABEL] = json!(words::mark_of(revision));
    if workload["kind"] == "DaemonSet" {
        workload["spec"]["updateStrategy"] = json!({ "type": "OnDelete" });
        return;
    }
    let written = workload["spec"]["replicas"].as_u64();
    let all = written
        .and_then(|count| u32::try_from(count).ok())
        .unwrap_or(all);
    let kept = workload["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"].clone();
    let mut rolling = json!({ "partition": all.saturating_sub(pods) });
    if !kept.is_null() {
        rolling["maxUnavailable"] = kept;
    }
    workload["spec"]["updateStrategy"] =
        json!({ "type": "RollingUpdate", "rollingUpdate": rolling });
}

/// True if its pods are replaced by hand, whatever its template says.
pub(super) fn is_by_hand(workload: &Value) -> bool {
    workload["spec"]["updateStrategy"]["type"] == "OnDelete"
}
