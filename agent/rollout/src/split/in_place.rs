//! StatefulSets and DaemonSets: pod by pod, in the place of the old ones.

use serde_json::{Value, json};

/// Lets `pods` out of `all` be of the new revision. True if somebody has to delete the old ones: a DaemonSet's own way
/// of updating knows no number to stop at.
pub(super) fn advance(workload: &mut Value, pods: u32, all: u32) -> bool {
    let written = workload["spec"]["replicas"].as_u64();
    let all = written
        .and_then(|count| u32::try_from(count).ok())
        .unwrap_or(all);
    if workload["kind"] == "DaemonSet" {
        workload["spec"]["updateStrategy"] = json!({ "type": "OnDelete" });
        return true;
    }
    let kept = workload["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"].clone();
    let mut rolling = json!({ "partition": all.saturating_sub(pods) });
    if !kept.is_null() {
        rolling["maxUnavailable"] = kept;
    }
    workload["spec"]["updateStrategy"] =
        json!({ "type": "RollingUpdate", "rollingUpdate": rolling });
    false
}
