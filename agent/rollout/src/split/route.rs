//! Routes and Services: who gets what.

use krm::ObjectId;
use serde_json::{Value, json};

use super::{Fault, Given, Object, Track, beside, id_of, namespace_of, tester_headers};
use crate::{observe::Router, strategy::Testers};

pub(super) const GROUP: &str = "gateway.networking.k8s.io";
/// Rules that a route takes at most.
const RULES: usize = 16;
/// Matches that a rule takes at most.
const MATCHES: usize = 64;

/// True if any route of the good revision leads to one of `services`.
pub(super) fn leads_to(given: &Given<'_>, namespace: &str, services: &[String]) -> bool {
    given.good.iter().any(|(object, _)| {
        let place = namespace_of(object, given.namespace);
        is_route(object)
            && backends(object).any(|backend| {
                let there = backend["namespace"].as_str().unwrap_or(place) == namespace;
                // What is given nothing is none of its users' ways.
                there
                    && backend["weight"] != 0
                    && services.iter().any(|service| is_service(backend, service))
            })
    })
}

/// The ids of what decides who gets what.
pub(super) fn routing(objects: &[Object], tracks: &[Track], namespace: &str) -> Vec<ObjectId> {
    let exact = |track: &&Track| track.router.is_exact();
    let objects = objects.iter().map(|(object, _)| object);
    objects
        .filter(|object| {
            tracks.iter().filter(exact).any(|track| {
                let named = |name: &String| object["metadata"]["name"] == name.as_str();
                match track.router {
                    Router::Selector => {
                        object["kind"] == "Service" && track.services.iter().any(named)
                    }
                    _ => is_route(object) && backends(object).any(|one| is_of(one, track)),
                }
            })
        })
        .map(|object| id_of(object, namespace))
        .collect()
}

/// Gives `weight` per cent of what a route leads to `track` to the canary.
///
/// Every backend of the rule is multiplied, so that the others keep their share.
pub(super) fn weigh(object: &mut Value, track: &Track, weight: u8) {
    if !is_route(object) || track.router != Router::Route || weight == 0 {
        return;
    }
    for rule in rules(object) {
        let Some(backends) = rule.get_mut("backendRefs").and_then(Value::as_array_mut) else {
            continue;
        };
        if !backends.iter().any(|backend| is_of(backend, track)) {
            continue;
        }
        let mut divided = Vec::with_capacity(backends.len() + 1);
        for backend in backends.iter() {
            let share = backend["weight"].as_u64().unwrap_or(1);
            let mut stable = backend.clone();
            if !is_of(backend, track) {
                stable["weight"] = json!(share * 100);
                divided.push(stable);
                continue;
            }
            stable["weight"] = json!(share * u64::from(100 - weight.min(100)));
            let mut canary = backend.clone();
            canary["name"] = json!(beside(backend["name"].as_str().unwrap_or_default()));
            canary["weight"] = json!(share * u64::from(weight));
            divided.extend([stable, canary]);
        }
        *backends = divided;
    }
}

/// Turns the Services of `track` to the canary, all at once.
pub(super) fn switch(object: &mut Value, track: &Track, weight: u8) {
    let named = |name: &String| object["metadata"]["name"] == name.as_str();
    let is_it = object["kind"] == "Service"
        && track.router == Router::Selector
        && track.services.iter().any(named);
    if is_it && weight == 100 {
        object["spec"]["selector"] = json!(track.picked.canary_selector);
    }
}

/// Leads requests with one of the headers to the canary: a rule of its own, which is more exact and so goes first.
pub(super) fn lead_testers(
    object: &mut Value,
    tracks: &[Track],
    testers: &Testers,
    namespace: &str,
) {
    if !knows_headers(object) {
        return;
    }
    let place = namespace_of(object, namespace).to_owned();
    let headers = tester_headers(testers);
    let Some(rules) = object["spec"]
        .get_mut("rules")
        .and_then(Value::as_array_mut)
    else {
        return;
    };
    let mut added: Vec<Value> = Vec::new();
    for rule in rules.iter() {
        added.extend(tester_rule(rule, tracks, &headers, &place));
    }
    added.append(rules);
    *rules = added;
}

fn tester_rule(rule: &Value, tracks: &[Track], headers: &[Value], place: &str) -> Option<Value> {
    let routed = |track: &&Track| track.router == Router::Route && track.namespace() == place;
    let routed: Vec<_> = tracks.iter().filter(routed).collect();
    rule_for(rule, headers, |backend| {
        let mut canary = backend.clone();
        canary["name"] = json!(beside(backend["name"].as_str().unwrap_or_default()));
        let ours = routed.iter().any(|track| is_of(backend, track));
        ours.then_some(canary)
    })
}

/// `rule` for requests with one of `headers`, leading to where `toward` says; `None` if that is nowhere.
pub(super) fn rule_for(
    rule: &Value,
    headers: &[Value],
    toward: impl Fn(&Value) -> Option<Value>,
) -> Option<Value> {
    let backends = rule["backendRefs"].as_array()?.iter();
    let mut canaries: Vec<Value> = backends.filter_map(toward).collect();
    if canaries.is_empty() {
        return None;
    }
    for canary in &mut canaries {
        canary["weight"] = json!(1);
    }
    let every = vec![json!({})];
    let matches = rule["matches"]
        .as_array()
        .filter(|all| !all.is_empty())
        .unwrap_or(&every);
    let both = matches.iter().flat_map(|one| {
        headers.iter().map(move |header| {
            let mut one = one.clone();
            let mut all = one["headers"].as_array().cloned().unwrap_or_default();
            all.push(header.clone());
            one["headers"] = Value::Array(all);
            one
        })
    });
    let mut testers = rule.clone();
    if let Some(fields) = testers.as_object_mut() {
        // A name of a rule is its own.
        fields.remove("name");
    }
    testers["matches"] = both.collect();
    testers["backendRefs"] = Value::Array(canaries);
    Some(testers)
}

/// Routes that would have more rules or matches than a route takes.
pub(super) fn too_many(given: &Given<'_>, tracks: &[Track], testers: &Testers) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (object, _) in given.good.iter().chain(given.new) {
        let mut led = object.clone();
        lead_testers(&mut led, tracks, testers, given.namespace);
        let rules = led["spec"]["rules"].as_array().cloned().unwrap_or_default();
        let fault = overfull(object, given.namespace);
        if led != *object && is_overfull(&rules) && !faults.contains(&fault) {
            faults.push(fault);
        }
    }
    faults
}

/// True if a route does not take so many rules.
pub(super) fn is_overfull(rules: &[Value]) -> bool {
    let many = |rule: &Value| {
        let matches = rule["matches"].as_array();
        matches.is_some_and(|all| all.len() > MATCHES)
    };
    rules.len() > RULES || rules.iter().any(many)
}

pub(super) fn overfull(route: &Value, namespace: &str) -> Fault {
    Fault {
        object: id_of(route, namespace).to_string(),
        message: format!(
            "has too many rules for testers: a route takes {RULES} rules of {MATCHES} matches; split it"
        ),
    }
}

pub(super) fn is_route(object: &Value) -> bool {
    let version = object["apiVersion"].as_str().unwrap_or_default();
    let kind = object["kind"].as_str().unwrap_or_default();
    version
        .split_once('/')
        .is_some_and(|(group, _)| group == GROUP)
        && kind.ends_with("Route")
}

pub(super) fn knows_headers(object: &Value) -> bool {
    is_route(object) && (object["kind"] == "HTTPRoute" || object["kind"] == "GRPCRoute")
}

pub(super) fn rules(object: &mut Value) -> impl Iterator<Item = &mut Value> {
    let rules = object["spec"]
        .get_mut("rules")
        .and_then(Value::as_array_mut);
    rules.into_iter().flatten()
}

pub(super) fn backends(object: &Value) -> impl Iterator<Item = &Value> {
    let rules = object["spec"]["rules"].as_array().into_iter().flatten();
    rules.flat_map(|rule| rule["backendRefs"].as_array().into_iter().flatten())
}

fn is_of(backend: &Value, track: &Track) -> bool {
    let elsewhere = backend["namespace"]
        .as_str()
        .is_some_and(|place| place != track.namespace());
    !elsewhere
        && track
            .services
            .iter()
            .any(|service| is_service(backend, service))
}

pub(super) fn is_service(backend: &Value, name: &str) -> bool {
    let kind = backend["kind"].as_str().unwrap_or("Service");
    let group = backend["group"].as_str().unwrap_or("");
    kind == "Service" && group.is_empty() && backend["name"] == name
}
