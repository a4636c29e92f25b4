//! Twins of what picks or drives the stable pods: Services, autoscalers, budgets, network policies.

use krm::ObjectId;
use serde_json::{Value, json};

use super::{Given, Object, Track, beside, config, find, id_of, namespace_of};

/// What only the API server gives to a Service, or what a second one must not have.
const SERVICE_OWN: [&str; 9] = [
    "clusterIP",
    "clusterIPs",
    "externalIPs",
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "loadBalancerClass",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
    "allocateLoadBalancerNodePorts",
];

/// The twins of everything that goes with `track`.
pub(super) fn make(given: &Given<'_>, track: &Track, pods: u32) -> Vec<Object> {
    let same_place = given
        .good
        .iter()
        .filter(|(object, _)| namespace_of(object, given.namespace) == track.namespace());
    let mut twins = Vec::new();
    for good in same_place {
        let id = id_of(&good.0, given.namespace);
        // As the new revision has it; the good one where that has none.
        let (object, origin) = find(given.new, &id, given.namespace).unwrap_or(good);
        let twin = match (id.group.as_str(), id.kind.as_str()) {
            ("", "Service") => service(object, track),
            ("autoscaling", "HorizontalPodAutoscaler") => autoscaler(object, track, pods),
            ("policy", "PodDisruptionBudget") => picking(object, "selector", track),
            ("networking.k8s.io", "NetworkPolicy") => picking(object, "podSelector", track),
            _ => None,
        };
        if let Some(mut twin) = twin {
            twin["metadata"]["name"] = json!(beside(&id.name));
            config::mark(&mut twin);
            let_peers_in(&mut twin, track);
            twins.push((twin, origin.clone()));
        }
    }
    twins
}

fn service(object: &Value, track: &Track) -> Option<Value> {
    let name = object["metadata"]["name"].as_str()?;
    if !track.services.iter().any(|service| service == name) {
        return None;
    }
    let mut twin = object.clone();
    let spec = twin["spec"].as_object_mut()?;
    for field in SERVICE_OWN {
        spec.remove(field);
    }
    spec.insert("type".to_owned(), json!("ClusterIP"));
    for port in spec
        .get_mut("ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(port) = port.as_object_mut() {
            port.remove("nodePort");
        }
    }
    spec.insert("selector".to_owned(), json!(track.picked.canary_selector));
    Some(twin)
}

fn autoscaler(object: &Value, track: &Track, pods: u32) -> Option<Value> {
    // It keeps at least one pod; for none there is none. Where pods make the share, their number is not its to choose.
    if !drives(object, track) || pods == 0 || !track.router.is_exact() {
        return None;
    }
    let mut twin = object.clone();
    let spec = twin["spec"].as_object_mut()?;
    spec.insert("minReplicas".to_owned(), json!(pods));
    let most = spec
        .get("maxReplicas")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    spec.insert("maxReplicas".to_owned(), json!(most.max(u64::from(pods))));
    twin["spec"]["scaleTargetRef"]["name"] = json!(track.canary);
    Some(twin)
}

fn drives(object: &Value, track: &Track) -> bool {
    scales(object, &track.id)
}

fn scales(object: &Value, id: &ObjectId) -> bool {
    let target = &object["spec"]["scaleTargetRef"];
    target["kind"] == id.kind.as_str() && target["name"] == id.name.as_str()
}

/// The replicas that `workload` asks for, unless something in git scales it.
pub(super) fn fixed(given: &Given<'_>, id: &ObjectId, workload: &Value) -> Option<u32> {
    let scaled = given.new.iter().any(|(object, _)| {
        namespace_of(object, given.namespace) == id.namespace && scales(object, id)
    });
    let written = workload["spec"]["replicas"].as_u64().filter(|_| !scaled)?;
    u32::try_from(written).ok()
}

/// The most pods that an autoscaler of the new revision lets a workload have, if there is one.
pub(super) fn most(given: &Given<'_>, id: &ObjectId) -> Option<u32> {
    let scalers = given.new.iter().filter(|(object, _)| {
        object["kind"] == "HorizontalPodAutoscaler"
            && namespace_of(object, given.namespace) == id.namespace
            && scales(object, id)
    });
    let most = scalers.filter_map(|(object, _)| object["spec"]["maxReplicas"].as_u64());
    u32::try_from(most.min()?).ok()
}

/// A twin of something that picks the stable pods and would leave those of the canary out.
fn picking(object: &Value, field: &str, track: &Track) -> Option<Value> {
    if !track.picked.tells_apart(&object["spec"][field]) {
        return None;
    }
    let mut twin = object.clone();
    track.picked.rename(&mut twin["spec"][field]);
    Some(twin)
}

/// Where a network policy names the stable pods as peers, the canary's are peers too.
pub(super) fn let_peers_in(object: &mut Value, track: &Track) {
    if object["kind"] != "NetworkPolicy" || track.picked.renamed.is_empty() {
        return;
    }
    for (way, side) in [("ingress", "from"), ("egress", "to")] {
        let rules = object["spec"].get_mut(way).and_then(Value::as_array_mut);
        for rule in rules.into_iter().flatten() {
            let Some(peers) = rule.get_mut(side).and_then(Value::as_array_mut) else {
                continue;
            };
            let mut added: Vec<Value> = Vec::new();
            for peer in peers.iter() {
                if peer["podSelector"].is_object() && track.picked.tells_apart(&peer["podSelector"])
                {
                    let mut peer = peer.clone();
                    track.picked.rename(&mut peer["podSelector"]);
                    added.push(peer);
                }
            }
            added.retain(|peer| !peers.contains(peer));
            peers.append(&mut added);
        }
    }
}

/// An autoscaler of the stable pods that has little to do must not take them away.
pub(super) fn raise_floor(object: &mut Value, track: &Track, floor: Option<u32>) {
    let Some(floor) = floor.filter(|_| object["kind"] == "HorizontalPodAutoscaler") else {
        return;
    };
    if !drives(object, track) {
        return;
    }
    let spec = &mut object["spec"];
    let least = spec["minReplicas"].as_u64().unwrap_or(1);
    let most = spec["maxReplicas"].as_u64().unwrap_or(u64::from(floor));
    spec["minReplicas"] = json!(least.max(u64::from(floor).min(most)));
}
