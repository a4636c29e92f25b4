//! A whole environment in two namespaces that take turns.
//!
//! What lives in the environment's namespace goes to the side of its revision; routes and Gateways stay in front of both
//! and lead to the one that serves. Cluster-wide objects, and those that name another namespace, are of the base alone.

use krm::Gvk;
use plan::desired::Scopes;
use serde_json::{Value, json};

use super::{Object, Shape, config, id_of, namespace_of, route};
use crate::{state::Colour, strategy::Namespaces, wish::Wish};

/// The revisions that there are.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    /// Objects of the wish's base.
    pub base: &'a [Object],
    /// Objects of the other side: the canary's revision, or what is kept on standby.
    pub other: Option<&'a [Object]>,
    /// The environment's namespace, where routes live.
    pub home: &'a str,
}

/// Prints what there is, never what it says: there may be Secrets among it.
impl std::fmt::Debug for Sides<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sides")
            .field("base", &super::ids(self.base, self.home))
            .field(
                "other",
                &self.other.map(|other| super::ids(other, self.home)),
            )
            .finish_non_exhaustive()
    }
}

/// What is to stand for `wish`, in both namespaces.
pub fn shape(sides: &Sides<'_>, wish: &Wish, scopes: &impl Scopes) -> Shape {
    let Some(namespaces) = &wish.namespaces else {
        return Shape {
            objects: sides.base.to_vec(),
            ..Shape::default()
        };
    };
    let (serving, idle) = (
        side(namespaces, wish.active),
        side(namespaces, wish.active.other()),
    );
    let weight = wish.canary.as_ref().map_or(0, |canary| canary.weight);
    let mut shape = Shape::default();
    for object in sides.base {
        match place(object, sides.home, scopes) {
            Place::Side => shape.objects.push(moved(object, sides.home, serving)),
            Place::Front => {
                let mut object = object.clone();
                divide(&mut object.0, sides.home, (serving, idle), weight);
                shape.routing.push(id_of(&object.0, sides.home));
                shape.objects.push(object);
            }
            Place::Elsewhere => shape.objects.push(object.clone()),
        }
    }
    for object in sides.other.unwrap_or_default() {
        if let Place::Side = place(object, sides.home, scopes) {
            let mut object = moved(object, sides.home, idle);
            if let Some(canary) = &wish.canary {
                let id = id_of(&object.0, idle);
                let pods = canary.pods.iter().find(|(key, _)| ends_alike(key, &id));
                keep_pods(&mut object.0, pods.map(|(_, pods)| *pods));
                raise_autoscaler(&mut object.0, &canary.pods);
            }
            shape.objects.push(object);
        }
    }
    let filled = if sides.other.is_some() {
        vec![serving, idle]
    } else {
        vec![serving]
    };
    shape.objects.extend(
        filled
            .into_iter()
            .map(|side| (grant(side, sides.home), None)),
    );
    crate::split::overlay(&mut shape.objects, &wish.flags);
    shape
}

/// The namespace of a side.
pub fn side(namespaces: &Namespaces, colour: Colour) -> &str {
    match colour {
        Colour::Blue => &namespaces.blue,
        Colour::Green => &namespaces.green,
    }
}

enum Place {
    Side,
    Front,
    Elsewhere,
}

fn place((object, _): &Object, home: &str, scopes: &impl Scopes) -> Place {
    let version = object["apiVersion"].as_str().unwrap_or_default();
    let gvk = Gvk::new(version, object["kind"].as_str().unwrap_or_default());
    let in_front = route::is_route(object) || gvk.kind == "Gateway" || gvk.kind == "Ingress";
    match (scopes.namespaced(&gvk), namespace_of(object, home) == home) {
        (Some(true), true) if in_front => Place::Front,
        (Some(true), true) => Place::Side,
        _ => Place::Elsewhere,
    }
}

fn moved((object, origin): &Object, home: &str, side: &str) -> Object {
    let mut object = object.clone();
    object["metadata"]["namespace"] = json!(side);
    let subjects = object.get_mut("subjects").and_then(Value::as_array_mut);
    for subject in subjects.into_iter().flatten() {
        if subject["namespace"] == home {
            subject["namespace"] = json!(side);
        }
    }
    (object, origin.clone())
}

/// Leads a route to both sides, by weight.
fn divide(object: &mut Value, home: &str, (serving, idle): (&str, &str), weight: u8) {
    if !route::is_route(object) {
        return;
    }
    for rule in route::rules(object) {
        let Some(backends) = rule.get_mut("backendRefs").and_then(Value::as_array_mut) else {
            continue;
        };
        let mut divided = Vec::with_capacity(backends.len() * 2);
        for backend in backends.iter() {
            let at_home = backend["namespace"].as_str().unwrap_or(home) == home;
            let share = backend["weight"].as_u64().unwrap_or(1);
            let mut toward = |side: &str, part: u8| {
                let mut backend = backend.clone();
                backend["namespace"] = json!(side);
                backend["weight"] = json!(share * u64::from(part));
                divided.push(backend);
            };
            if !at_home {
                let mut backend = backend.clone();
                backend["weight"] = json!(share * 100);
                divided.push(backend);
                continue;
            }
            if weight < 100 {
                toward(serving, 100 - weight);
            }
            if weight > 0 {
                toward(idle, weight);
            }
        }
        *backends = divided;
    }
}

/// At least so many pods as everybody needs, whatever git says the workload begins with.
fn keep_pods(object: &mut Value, pods: Option<u32>) {
    let Some(pods) = pods.filter(|_| config::is_workload(object)) else {
        return;
    };
    if let Some(written) = object["spec"]["replicas"].as_u64() {
        object["spec"]["replicas"] = json!(written.max(u64::from(pods)));
    }
}

fn raise_autoscaler(object: &mut Value, pods: &std::collections::BTreeMap<String, u32>) {
    if object["kind"] != "HorizontalPodAutoscaler" {
        return;
    }
    let target = &object["spec"]["scaleTargetRef"];
    let (kind, name) = (target["kind"].as_str(), target["name"].as_str());
    let wanted = pods.iter().find(|(key, _)| {
        let mut parts = key.split('/');
        parts.next() == kind && parts.next_back() == name
    });
    if let Some((_, pods)) = wanted {
        let most = object["spec"]["maxReplicas"]
            .as_u64()
            .unwrap_or(u64::from(*pods));
        let least = object["spec"]["minReplicas"].as_u64().unwrap_or(1);
        object["spec"]["minReplicas"] = json!(least.max(u64::from(*pods).min(most)));
    }
}

/// `Deployment/shop/web` and the same workload on a side.
fn ends_alike(key: &str, id: &krm::ObjectId) -> bool {
    let mut parts = key.split('/');
    parts.next() == Some(id.kind.as_str()) && parts.next_back() == Some(id.name.as_str())
}

/// Lets the routes of `home` lead to Services of `side`.
fn grant(side: &str, home: &str) -> Value {
    let from = ["HTTPRoute", "GRPCRoute"].map(
        |kind| json!({ "group": "gateway.networking.k8s.io", "kind": kind, "namespace": home }),
    );
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": { "name": format!("driftless-{home}"), "namespace": side },
        "spec": { "from": from, "to": [{ "group": "", "kind": "Service" }] },
    })
}
