//! Reads the pods of one version from their bodies, as the API server gives them.

use serde_json::Value;

use super::Pods;
use crate::words;

/// Reasons of a container's waiting that waiting does not mend. A failed pull is not among them: a registry comes
/// back, and the deadline sees to the rest.
const HOPELESS: [&str; 4] = [
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "InvalidImageName",
    "RunContainerError",
];

/// What can be told from a list of pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Pods that can serve.
    pub ready: u32,
    /// Pods that are there and not on their way out.
    pub present: u32,
    /// What is wrong with one of them that waiting does not mend: `web-canary-1: CrashLoopBackOff: …`.
    pub stuck: Option<String>,
}

/// Looks at `pods`, all of one version.
pub fn look<'a>(pods: impl IntoIterator<Item = &'a Value>) -> Seen {
    let mut seen = Seen::default();
    for pod in pods {
        let leaving = !pod["metadata"]["deletionTimestamp"].is_null();
        let over = matches!(
            pod["status"]["phase"].as_str(),
            Some("Succeeded" | "Failed")
        );
        if leaving || over {
            continue;
        }
        seen.present += 1;
        seen.ready += u32::from(is_ready(pod));
        if seen.stuck.is_none() {
            seen.stuck = stuck(pod);
        }
    }
    seen
}

/// The pods of a Deployment, StatefulSet or DaemonSet, as its status counts them; `revision` is the digest of what was
/// last applied to it.
pub fn of(workload: &Value, revision: Option<&str>) -> Pods {
    let number = |path: &str| count(workload, path);
    let wanted = match workload["kind"] == "DaemonSet" {
        true => number("/status/desiredNumberScheduled"),
        false => workload
            .pointer("/spec/replicas")
            .map_or(1, |_| number("/spec/replicas")),
    };
    let ready = match workload["kind"] == "DaemonSet" {
        true => number("/status/numberReady"),
        false => number("/status/readyReplicas"),
    };
    Pods {
        wanted: if workload.is_null() { 0 } else { wanted },
        ready,
        settled: revision
            .filter(|_| is_settled(workload, wanted))
            .map(str::to_owned),
        stuck: None,
    }
}

/// True once no pod is of an older template. One more that an autoscaler of a Deployment wants is not of an older one.
fn is_settled(workload: &Value, wanted: u32) -> bool {
    let number = |path: &str| count(workload, path);
    let updated = match workload["kind"] == "DaemonSet" {
        true => number("/status/updatedNumberScheduled"),
        false => number("/status/updatedReplicas"),
    };
    let renewed = match workload["kind"] == "Deployment" {
        true => number("/status/replicas") <= updated,
        false => updated >= wanted.saturating_sub(held_back(workload)),
    };
    !is_behind(workload) && renewed
}

/// True while its controller has not seen what was written last.
pub(super) fn is_behind(workload: &Value) -> bool {
    count(workload, "/metadata/generation") != count(workload, "/status/observedGeneration")
}

/// Pods that a partition keeps as they are.
pub(super) fn held_back(workload: &Value) -> u32 {
    count(workload, "/spec/updateStrategy/rollingUpdate/partition")
}

/// The pods of a workload that is changed in place which are of `revision` already. Those that are not ready are taken
/// to be among them. While it is on the way to no such revision: those that are not of what it is now, none of them ready.
pub fn replaced(workload: &Value, revision: Option<&str>) -> Pods {
    let of_all = of(workload, None);
    let updated = match workload["kind"] == "DaemonSet" {
        true => count(workload, "/status/updatedNumberScheduled"),
        false => count(workload, "/status/updatedReplicas"),
    };
    let toward = workload["metadata"]["labels"][words::TOWARD_LABEL].as_str();
    let missing = of_all.wanted.saturating_sub(of_all.ready);
    let is_there = toward.is_some() && toward == revision.map(words::mark_of);
    let (wanted, ready) = match is_there {
        true if is_behind(workload) => (updated, 0),
        true => (updated, updated.saturating_sub(missing)),
        false => {
            let all = of_all.wanted.saturating_sub(held_back(workload));
            (all.saturating_sub(updated), 0)
        }
    };
    Pods {
        wanted,
        ready,
        settled: None,
        stuck: None,
    }
}

pub(super) fn count(object: &Value, path: &str) -> u32 {
    let number = object
        .pointer(path)
        .and_then(Value::as_u64)
        .unwrap_or_default();
    u32::try_from(number).unwrap_or(u32::MAX)
}

pub(super) fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions
        .filter(|condition| condition["type"] == "Ready")
        .any(|condition| condition["status"] == "True")
}

fn stuck(pod: &Value) -> Option<String> {
    let lists = ["initContainerStatuses", "containerStatuses"];
    let mut containers = lists
        .iter()
        .filter_map(|list| pod["status"][*list].as_array())
        .flatten();
    containers.find_map(|container| {
        let waiting = &container["state"]["waiting"];
        let reason = waiting["reason"].as_str()?;
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        let code = &container["lastState"]["terminated"]["exitCode"];
        let exit = match code.as_i64() {
            Some(code) => format!(", exit code {code}"),
            None => String::new(),
        };
        HOPELESS
            .contains(&reason)
            .then(|| format!("{name}: {reason}{exit}"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_crash_loop_is_hopeless_and_a_failed_pull_is_not() {
        let pod = |reason: &str| {
            json!({
                "metadata": {"name": "web-1"},
                "status": {
                    "conditions": [{"type": "Ready", "status": "False"}],
                    "containerStatuses": [{
                        "state": {"waiting": {"reason": reason}},
                        "lastState": {"terminated": {"exitCode": 137}}
                    }]
                }
            })
        };
        let crashing = look([&pod("CrashLoopBackOff")]);
        assert_eq!(
            crashing.stuck.as_deref(),
            Some("web-1: CrashLoopBackOff, exit code 137")
        );
        assert_eq!((crashing.ready, crashing.present), (0, 1));
        assert_eq!(look([&pod("ImagePullBackOff")]).stuck, None);
    }

    #[test]
    fn pods_that_an_autoscaler_adds_are_none_that_are_replaced() {
        let web = |wanted: u32, replicas: u32, updated: u32| {
            json!({
                "kind": "Deployment",
                "metadata": { "generation": 3 },
                "spec": { "replicas": wanted },
                "status": {
                    "observedGeneration": 3, "replicas": replicas, "updatedReplicas": updated,
                    "readyReplicas": 2
                }
            })
        };
        let settled = |workload: &Value| of(workload, Some("b")).settled.is_some();
        assert!(settled(&web(2, 2, 2)));
        assert!(settled(&web(4, 2, 2)), "wanted, and not made yet");
        assert!(settled(&web(4, 4, 4)), "made, and not ready yet");
        assert!(!settled(&web(4, 5, 1)), "of an older template");
        let mut unseen = web(4, 4, 4);
        unseen["metadata"]["generation"] = json!(4);
        assert!(!settled(&unseen), "nobody has seen the newest template");
    }

    #[test]
    fn a_pod_on_its_way_out_serves_nobody() {
        let leaving = json!({
            "metadata": {"name": "web-1", "deletionTimestamp": "2026-01-01T00:00:00Z"},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}
        });
        assert_eq!(look([&leaving]), Seen::default());
    }
}
