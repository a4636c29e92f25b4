//! The objects of a chaos step. What only happens once, such as the killing of pods, is no object and not here.
//!
//! They touch the canaries and what the step names; [`faults`] says of everything else that it is none of their business.

use std::collections::BTreeMap;

use krm::ObjectId;
use serde_json::{Value, json};

use super::{Exposed, Fault, Given, Object, Track, config, find, id_of, pick};
use crate::{
    judge::query::{Subject, fill},
    observe::Router,
    strategy::{Chaos, Step, Strategy},
    words,
};

/// Places in a text that stand for the new version.
const PLACES: [&str; 4] = ["{{workload}}", "{{version}}", "{{service}}", "{{pods}}"];

/// Adds what `chaos` wants to stand, and nothing to anybody but the canaries and those it names.
pub(super) fn add(objects: &mut Vec<Object>, given: &Given<'_>, tracks: &[Track], chaos: &Chaos) {
    if chaos.scale.is_some() {
        for (object, _) in objects.iter_mut() {
            pin(object, tracks);
        }
    }
    objects.extend(
        made(given, tracks, chaos)
            .into_iter()
            .map(|object| (object, None)),
    );
}

/// What `chaos` makes.
pub(super) fn made(given: &Given<'_>, tracks: &[Track], chaos: &Chaos) -> Vec<Value> {
    let mut made: Vec<Value> = Vec::new();
    for track in tracks {
        if chaos.isolate && track.router != Router::InPlace {
            let (namespace, labels) = (track.namespace(), json!(track.canary_labels()));
            made.push(isolation(&track.canary, namespace, &labels));
        }
        for object in &chaos.objects {
            let filled = filled_for(object, track);
            if !made.contains(&filled) {
                made.push(filled);
            }
        }
    }
    for (object, id) in also(given, chaos).filter(|_| chaos.isolate) {
        let labels = &object["spec"]["selector"]["matchLabels"];
        made.push(isolation(&id.name, &id.namespace, labels));
    }
    made.iter_mut().for_each(mark);
    made
}

/// Whose pods `chaos` may kill: those of the canaries, and of what it names.
pub(super) fn exposed(given: &Given<'_>, tracks: &[Track], chaos: &Chaos) -> Vec<Exposed> {
    let canaries = tracks
        .iter()
        .filter(|track| track.router != Router::InPlace);
    let canaries = canaries.map(|track| Exposed {
        workload: ObjectId {
            name: track.canary.clone(),
            ..track.id.clone()
        }
        .to_string(),
        namespace: track.namespace().to_owned(),
        labels: track.canary_labels().clone(),
    });
    let named = also(given, chaos).map(|(object, id)| Exposed {
        workload: id.to_string(),
        namespace: id.namespace.clone(),
        labels: config::labels(&object["spec"]["selector"]["matchLabels"])
            .into_iter()
            .collect(),
    });
    canaries.chain(named).collect()
}

/// Workloads in git that `chaos` names beside the canaries.
pub(super) fn also<'a>(
    given: &Given<'a>,
    chaos: &'a Chaos,
) -> impl Iterator<Item = (&'a Value, ObjectId)> {
    let namespace = given.namespace;
    let named = given.good.iter().filter_map(move |(object, _)| {
        let id = id_of(object, namespace);
        Some((object, id)).filter(|(_, id)| chaos.also.contains(&id.to_string()))
    });
    named.filter(|(object, _)| config::is_workload(object))
}

/// Everything that is wrong with the chaos steps of `strategy` for these revisions.
pub(super) fn faults(given: &Given<'_>, tracks: &[Track], strategy: &Strategy) -> Vec<Fault> {
    let mut faults = Vec::new();
    for step in &strategy.steps {
        if let Step::Chaos(chaos) = step {
            unknown(given, chaos, &mut faults);
            in_place(tracks, chaos, &mut faults);
            for object in made(given, tracks, chaos) {
                let id = id_of(&object, given.namespace);
                let why = fault(given, &object, &id, chaos);
                faults.extend(why.map(|message| Fault {
                    object: id.to_string(),
                    message,
                }));
            }
            names_nobody(given, chaos, &mut faults);
            twice(given, tracks, chaos, &mut faults);
        }
    }
    faults
}

fn unknown(given: &Given<'_>, chaos: &Chaos, faults: &mut Vec<Fault>) {
    let known: Vec<String> = also(given, chaos).map(|(_, id)| id.to_string()).collect();
    let unknown = chaos.also.iter().filter(|name| !known.contains(name));
    faults.extend(unknown.map(|name| Fault {
        object: name.clone(),
        message: "chaos names it, and git has no such workload; write for example Deployment/shop/api"
            .to_owned(),
    }));
}

/// Pods of a workload that is changed in place cannot be told from those of the old version.
fn in_place(tracks: &[Track], chaos: &Chaos, faults: &mut Vec<Fault>) {
    let whole = chaos.kill.is_some() || chaos.isolate || chaos.scale.is_some();
    let tracks = tracks
        .iter()
        .filter(|track| track.router == Router::InPlace);
    let hit = tracks.filter(|track| whole && !chaos.also.contains(&track.id.to_string()));
    faults.extend(hit.map(|track| Fault {
        object: track.id.to_string(),
        message: "is changed in place, so that chaos would hit the old version too; allow that by naming it in `also`"
            .to_owned(),
    }));
}

fn fault(given: &Given<'_>, object: &Value, id: &ObjectId, chaos: &Chaos) -> Option<String> {
    let there = |objects| find(objects, id, given.namespace).is_some();
    if there(given.good) || there(given.new) {
        return Some("is in git, and chaos makes one of that name; rename it".to_owned());
    }
    let hit = cut_off(given, object, id, chaos)?;
    Some(format!(
        "a disturbance of the new version would cut off {hit}; allow that by naming it in `also`"
    ))
}

/// A workload that serves, that a network policy of a disturbance picks, and that nobody named.
fn cut_off(given: &Given<'_>, object: &Value, id: &ObjectId, chaos: &Chaos) -> Option<ObjectId> {
    if (id.group.as_str(), id.kind.as_str()) != ("networking.k8s.io", "NetworkPolicy") {
        return None;
    }
    let workloads = given.good.iter().map(|(workload, _)| workload);
    let mut hit = workloads
        .filter(|workload| config::is_workload(workload))
        .filter(|workload| {
            let labels = &workload["spec"]["template"]["metadata"]["labels"];
            let labels: BTreeMap<_, _> = config::labels(labels).into_iter().collect();
            pick::matches(&object["spec"]["podSelector"], &labels)
        });
    hit.find_map(|workload| {
        let hit = id_of(workload, given.namespace);
        let same = hit.namespace == id.namespace;
        (same && !chaos.also.contains(&hit.to_string())).then_some(hit)
    })
}

/// An object that speaks of nobody in particular may hit anybody.
fn names_nobody(given: &Given<'_>, chaos: &Chaos, faults: &mut Vec<Fault>) {
    let also: Vec<String> = also(given, chaos).map(|(_, id)| id.name).collect();
    for object in &chaos.objects {
        let speaks = |text: &str| {
            PLACES.iter().any(|place| text.contains(place))
                || also.iter().any(|name| text.contains(name.as_str()))
        };
        let fields = object.as_object().into_iter().flatten();
        let mut fields =
            fields.filter(|(key, _)| !["apiVersion", "kind", "metadata"].contains(&key.as_str()));
        if !fields.any(|(_, value)| says(value, &speaks)) {
            faults.push(Fault {
                object: id_of(object, given.namespace).to_string(),
                message: format!(
                    "chaos does not say whom it disturbs; write {} where it picks its pods, or name a workload in `also`",
                    PLACES.join(", ")
                ),
            });
        }
    }
}

fn says(value: &Value, speaks: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => speaks(text),
        Value::Array(items) => items.iter().any(|item| says(item, speaks)),
        Value::Object(fields) => fields
            .iter()
            .any(|(key, value)| speaks(key) || says(value, speaks)),
        _ => false,
    }
}

fn twice(given: &Given<'_>, tracks: &[Track], chaos: &Chaos, faults: &mut Vec<Fault>) {
    let mut seen: Vec<ObjectId> = Vec::new();
    for object in made(given, tracks, chaos) {
        let id = id_of(&object, given.namespace);
        if seen.contains(&id) {
            faults.push(Fault {
                object: id.to_string(),
                message: "chaos makes two of that name; put {{workload}} into it".to_owned(),
            });
        }
        seen.push(id);
    }
}

/// Nothing in, nothing out.
fn isolation(workload: &str, namespace: &str, labels: &Value) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "name": format!("{workload}-chaos"), "namespace": namespace },
        "spec": { "podSelector": { "matchLabels": labels }, "policyTypes": ["Ingress", "Egress"] },
    })
}

/// Whoever sees it knows what it is, and takes it away before anything else.
fn mark(object: &mut Value) {
    object["metadata"]["labels"][words::VERSION_LABEL] = json!(words::CHAOS);
}

/// An autoscaler of a canary keeps to the number that the disturbance wants.
fn pin(object: &mut Value, tracks: &[Track]) {
    let target = &object["spec"]["scaleTargetRef"]["name"];
    let drives = object["kind"] == "HorizontalPodAutoscaler"
        && tracks
            .iter()
            .any(|track| track.router != Router::InPlace && *target == track.canary);
    if drives {
        object["spec"]["maxReplicas"] = object["spec"]["minReplicas"].clone();
    }
}

fn filled_for(object: &Value, track: &Track) -> Value {
    let service = track.services.first().map(|service| super::beside(service));
    let subject = Subject {
        namespace: track.namespace(),
        workload: &track.canary,
        service: service.as_deref().unwrap_or_default(),
        longest: None,
    };
    filled(object, subject)
}

fn filled(value: &Value, subject: Subject<'_>) -> Value {
    match value {
        Value::String(text) => {
            let text = text.replace("{{version}}", words::CANARY);
            Value::String(fill(&text, subject, ""))
        }
        Value::Array(items) => items.iter().map(|item| filled(item, subject)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), filled(value, subject)))
            .collect(),
        other => other.clone(),
    }
}
