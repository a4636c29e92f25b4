//! Which pod of a workload that is changed in place somebody has to delete, because its controller does not.

use serde_json::Value;

use super::pods::{count, held_back, is_behind, is_ready};

/// Label on pods and ControllerRevisions: what they were made from.
const MADE_FROM: &str = "controller-revision-hash";

/// What the pods of a DaemonSet are made from now, out of its ControllerRevisions.
pub fn newest<'r>(workload: &Value, revisions: &'r [Value]) -> Option<&'r str> {
    let own = revisions.iter().filter(|one| is_owned(one, workload));
    let newest = own.max_by_key(|one| one["revision"].as_i64())?;
    newest["metadata"]["labels"][MADE_FROM].as_str()
}

/// What the pods of a StatefulSet are made from now.
pub fn update_of(workload: &Value) -> Option<&str> {
    workload["status"]["updateRevision"].as_str()
}

/// The pods made from `template`.
pub fn made_from<'p>(pods: &'p [Value], template: &str) -> impl Iterator<Item = &'p Value> {
    let template = template.to_owned();
    pods.iter().filter(move |pod| is_made_from(pod, &template))
}

/// The pod of a DaemonSet that is deleted next so that `wanted` of them come to be made from `newest`; one at a time,
/// and none while another is missing, so that no more than one node is without.
pub fn next_to_go<'p>(
    workload: &Value,
    pods: &'p [Value],
    newest: &str,
    wanted: u32,
) -> Option<&'p Value> {
    let own: Vec<&Value> = pods.iter().filter(|pod| is_owned(pod, workload)).collect();
    let (new, mut old): (Vec<&Value>, Vec<&Value>) =
        own.iter().partition(|pod| is_made_from(pod, newest));
    let enough = u32::try_from(new.len()).unwrap_or(u32::MAX) >= wanted;
    let moves = own.iter().any(|pod| is_leaving(pod)) || !new.iter().all(|pod| is_ready(pod));
    if is_behind(workload) || enough || moves {
        return None;
    }
    // One that does not serve anyway goes first.
    old.sort_by_key(|pod| (is_ready(pod), pod["metadata"]["name"].as_str()));
    let first = old.first().copied()?;
    let nodes = count(workload, "/status/desiredNumberScheduled");
    let all_there = u32::try_from(own.len()).unwrap_or(u32::MAX) >= nodes;
    let all_ready = old.iter().all(|pod| is_ready(pod));
    ((all_there && all_ready) || !is_ready(first)).then_some(first)
}

/// The pod of a StatefulSet that its controller waits for in vain: not ready, and of a template that is no longer its
/// own. Pods in order, it would replace it only after it had become ready.
pub fn left_behind<'p>(workload: &Value, pods: &'p [Value]) -> Option<&'p Value> {
    let spec = &workload["spec"];
    let template = update_of(workload)?;
    if is_behind(workload) || spec["podManagementPolicy"] == "Parallel" {
        return None;
    }
    let from = held_back(workload);
    let own = pods.iter().filter(|pod| is_owned(pod, workload));
    let mut stuck = own.filter(|pod| {
        let is_due = ordinal(pod).is_some_and(|ordinal| ordinal >= from);
        is_due && !is_made_from(pod, template) && !is_ready(pod) && !is_leaving(pod)
    });
    stuck.next()
}

/// What picks the pods of a workload.
pub fn selector(workload: &Value) -> std::collections::BTreeMap<String, String> {
    let labels = workload["spec"]["selector"]["matchLabels"].as_object();
    let labels = labels.into_iter().flatten();
    labels
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

fn is_made_from(pod: &Value, template: &str) -> bool {
    pod["metadata"]["labels"][MADE_FROM] == template
}

fn is_leaving(pod: &Value) -> bool {
    !pod["metadata"]["deletionTimestamp"].is_null()
}

fn is_owned(object: &Value, workload: &Value) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array();
    let uid = &workload["metadata"]["uid"];
    owners
        .into_iter()
        .flatten()
        .any(|owner| owner["uid"] == *uid && uid.is_string())
}

fn ordinal(pod: &Value) -> Option<u32> {
    let name = pod["metadata"]["name"].as_str()?;
    name.rsplit('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workload(kind: &str) -> Value {
        json!({
            "kind": kind, "metadata": { "uid": "w", "generation": 2 },
            "spec": { "updateStrategy": { "rollingUpdate": { "partition": 1 } } },
            "status": { "observedGeneration": 2, "desiredNumberScheduled": 3, "updateRevision": "new" },
        })
    }

    fn pod(name: &str, template: &str, ready: bool) -> Value {
        json!({
            "metadata": {
                "name": name, "labels": { MADE_FROM: template }, "ownerReferences": [{ "uid": "w" }],
            },
            "status": { "conditions": [{ "type": "Ready", "status": if ready { "True" } else { "False" } }] },
        })
    }

    fn next(pods: &[Value], wanted: u32) -> Option<String> {
        let found = next_to_go(&workload("DaemonSet"), pods, "new", wanted);
        found.map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
    }

    #[test]
    fn pods_of_a_daemon_set_go_one_at_a_time() {
        let old = |name| pod(name, "old", true);
        assert_eq!(
            next(&[old("b"), old("a"), old("c")], 1).as_deref(),
            Some("a")
        );
        assert_eq!(next(&[old("b"), old("c")], 1), None, "one is missing");
        let new = |ready| pod("a", "new", ready);
        assert_eq!(next(&[new(false), old("b"), old("c")], 2), None);
        assert_eq!(next(&[new(true), old("b"), old("c")], 1), None, "enough");
        assert_eq!(
            next(&[new(true), old("b"), old("c")], 2).as_deref(),
            Some("b")
        );
        let mut going = old("a");
        going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(next(&[going, old("b"), old("c")], 1), None);
        let broken = pod("c", "old", false);
        assert_eq!(next(&[old("a"), old("b"), broken], 1).as_deref(), Some("c"));
        let mut foreign = old("a");
        foreign["metadata"]["ownerReferences"][0]["uid"] = json!("x");
        assert_eq!(next(&[foreign, old("b"), old("c")], 1), None);
    }

    #[test]
    fn a_pod_that_is_waited_for_in_vain_is_of_an_older_template_and_not_ready() {
        let pods = |ready, template| [pod("db-0", "old", false), pod("db-1", template, ready)];
        let stuck = |pods: &[Value]| {
            let found = left_behind(&workload("StatefulSet"), pods);
            found.map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
        };
        assert_eq!(stuck(&pods(false, "bad")).as_deref(), Some("db-1"));
        assert_eq!(stuck(&pods(true, "bad")), None, "it serves");
        assert_eq!(stuck(&pods(false, "new")), None, "it is what is wanted");
        let mut parallel = workload("StatefulSet");
        parallel["spec"]["podManagementPolicy"] = json!("Parallel");
        assert!(left_behind(&parallel, &pods(false, "bad")).is_none());
    }

    #[test]
    fn the_newest_template_is_the_last_one_that_was_written() {
        let revision = |name: &str, number: i64, owner: &str| {
            json!({
                "metadata": { "labels": { MADE_FROM: name }, "ownerReferences": [{ "uid": owner }] },
                "revision": number,
            })
        };
        let all = [
            revision("b", 2, "w"),
            revision("a", 3, "w"),
            revision("c", 9, "x"),
        ];
        assert_eq!(newest(&workload("DaemonSet"), &all), Some("a"));
        assert_eq!(newest(&workload("DaemonSet"), &[]), None);
    }
}
