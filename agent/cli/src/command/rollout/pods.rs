//! What a view tells of a pod: whose it is, how it is, since when.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerState, Pod};
use kube::ResourceExt as _;
use rollout::words;
use serde::Serialize;

/// The label by which a ReplicaSet tells its pods from those of others; the end of its name.
const HASH: &str = "pod-template-hash";

/// One pod.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Seen {
    /// Its name.
    pub(super) name: String,
    /// True if it can serve.
    pub(super) ready: bool,
    /// One word, as kubectl says it: `Running`, `CrashLoopBackOff`, `Terminating`.
    pub(super) state: String,
    /// How often its containers have begun anew.
    pub(super) restarts: i32,
    /// Since when it is there.
    pub(super) since: Option<Timestamp>,
    /// Kind and name of the workload it belongs to.
    #[serde(skip)]
    pub(super) workload: Option<(String, String)>,
    /// True if it is of the version beside the stable one.
    #[serde(skip)]
    pub(super) canary: bool,
}

/// Looks at `pod`.
pub(super) fn see(pod: &Pod) -> Seen {
    let status = pod.status.clone().unwrap_or_default();
    let containers = status.container_statuses.unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    let leaving = pod.metadata.deletion_timestamp.is_some();
    let ready = conditions
        .iter()
        .any(|one| one.type_ == "Ready" && one.status == "True");
    let trouble = containers
        .iter()
        .find_map(|container| wrong(container.state.as_ref()?));
    let phase = status.phase.unwrap_or_else(|| "Pending".to_owned());
    Seen {
        name: pod.name_any(),
        ready: ready && !leaving,
        state: match (leaving, trouble) {
            (true, _) => "Terminating".to_owned(),
            (false, Some(why)) => why,
            (false, None) if ready => "Ready".to_owned(),
            (false, None) => phase,
        },
        restarts: containers.iter().map(|one| one.restart_count).sum(),
        since: pod.metadata.creation_timestamp.as_ref().map(|time| time.0),
        workload: workload(pod),
        canary: pod.labels().get(words::VERSION_LABEL).map(String::as_str) == Some(words::CANARY),
    }
}

fn wrong(state: &ContainerState) -> Option<String> {
    let waiting = state.waiting.as_ref().and_then(|one| one.reason.clone());
    waiting.or_else(|| {
        let ended = state.terminated.as_ref()?;
        ended.reason.clone()
    })
}

/// A ReplicaSet is called after its Deployment and the hash of its template.
fn workload(pod: &Pod) -> Option<(String, String)> {
    let owners = pod.owner_references().iter();
    let owner = owners
        .into_iter()
        .find(|one| one.controller == Some(true))?;
    let hash = pod.labels().get(HASH);
    let deployment = hash.and_then(|hash| owner.name.strip_suffix(&format!("-{hash}")));
    match deployment {
        Some(name) if owner.kind == "ReplicaSet" => {
            Some(("Deployment".to_owned(), name.to_owned()))
        }
        _ => Some((owner.kind.clone(), owner.name.clone())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(pod: serde_json::Value) -> Seen {
        see(&serde_json::from_value(pod).unwrap())
    }

    #[test]
    fn a_pod_knows_its_deployment_and_its_trouble() {
        let seen = seen(json!({
            "metadata": {
                "name": "web-canary-7c9d5-abcde",
                "labels": { "pod-template-hash": "7c9d5", "driftless.dev/version": "canary" },
                "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-canary-7c9d5", "uid": "1", "controller": true }],
            },
            "status": { "phase": "Running", "containerStatuses": [{
                "name": "app", "image": "a", "imageID": "", "ready": false, "restartCount": 3,
                "state": { "waiting": { "reason": "CrashLoopBackOff" } },
            }] },
        }));
        let workload = ("Deployment".to_owned(), "web-canary".to_owned());
        assert_eq!((seen.workload, seen.canary), (Some(workload), true));
        assert_eq!(
            (seen.state.as_str(), seen.restarts, seen.ready),
            ("CrashLoopBackOff", 3, false)
        );
    }

    #[test]
    fn a_pod_on_its_way_out_serves_nobody() {
        let seen = seen(json!({
            "metadata": { "name": "db-0", "deletionTimestamp": "2026-01-01T00:00:00Z",
                "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "1", "controller": true }] },
            "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] },
        }));
        assert_eq!((seen.ready, seen.state.as_str()), (false, "Terminating"));
        assert_eq!(
            seen.workload,
            Some(("StatefulSet".to_owned(), "db".to_owned()))
        );
    }
}
