//! Routes before two sides: whom they lead where, and what is read back of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    split::{Given, Object, id_of, namespace_of, pick, route, shares, tester_headers},
    strategy::Testers,
};

/// A namespace, and the Services that are there.
type Side<'a> = (&'a str, &'a [&'a str]);

/// Whom routes lead where.
pub(super) struct Front<'a> {
    pub(super) home: &'a str,
    pub(super) serving: (&'a str, &'a Vec<&'a str>),
    pub(super) idle: Option<Side<'a>>,
    /// Per cent for the side that does not serve.
    pub(super) weight: u8,
    /// Whether that side is named where nobody is led there.
    pub(super) named: bool,
    pub(super) testers: Option<&'a Testers>,
}

impl Front<'_> {
    /// The route, leading to both sides.
    pub(super) fn lead(&self, (object, origin): &Object) -> Object {
        let mut led = object.clone();
        for rule in route::rules(&mut led) {
            self.divide(rule);
            self.mirror(rule);
        }
        if let (Some(testers), Some((idle, services))) = (self.testers, self.idle) {
            let toward = |backend: &Value| {
                let mut there = backend.clone();
                there["namespace"] = json!(idle);
                is_one_of(backend, self.home, services).then_some(there)
            };
            let mut rules = tester_rules(object, testers, &toward);
            if let Some(all) = led["spec"].get_mut("rules").and_then(Value::as_array_mut) {
                rules.append(all);
                *all = rules;
            }
        }
        (led, origin.clone())
    }

    /// Gives each side its share. Every backend is multiplied, so that others keep theirs.
    fn divide(&self, rule: &mut Value) {
        let Some(backends) = rule.get_mut("backendRefs").and_then(Value::as_array_mut) else {
            return;
        };
        let ours = |backend: &Value| self.has(backend).is_some();
        if !backends.iter().any(ours) {
            return;
        }
        let mut divided = Vec::with_capacity(backends.len() * 2);
        for backend in backends.iter() {
            let share = backend["weight"].as_u64().unwrap_or(1);
            for (namespace, part) in self.parts(backend) {
                let mut backend = backend.clone();
                if let Some(namespace) = namespace {
                    backend["namespace"] = json!(namespace);
                }
                backend["weight"] = json!(share * u64::from(part));
                divided.push(backend);
            }
        }
        *backends = divided;
    }

    /// The sides that have the Service of `backend`: the one that serves, and the other one. `None` if neither has.
    fn has(&self, backend: &Value) -> Option<(bool, bool)> {
        let serving = is_one_of(backend, self.home, self.serving.1);
        let idle = self
            .idle
            .is_some_and(|(_, services)| is_one_of(backend, self.home, services));
        (serving || idle).then_some((serving, idle))
    }

    /// The namespaces a backend becomes, with the per cent of each; always in the same order, so that a switch
    /// changes numbers alone and a promotion nothing.
    fn parts(&self, backend: &Value) -> Vec<(Option<&str>, u8)> {
        let (serving, idle) = (self.serving.0, self.idle.map(|(idle, _)| idle));
        let mut parts = match (self.has(backend), idle) {
            (None, _) => return vec![(None, 100)],
            (Some((true, true)), Some(idle)) if self.named => vec![
                (Some(serving), 100 - self.weight),
                (Some(idle), self.weight),
            ],
            (Some((false, true)), Some(idle)) => vec![(Some(idle), 100)],
            _ => vec![(Some(serving), 100)],
        };
        parts.sort_by_key(|(namespace, _)| *namespace);
        parts
    }

    /// Copies of requests go to the side that serves.
    fn mirror(&self, rule: &mut Value) {
        let filters = rule.get_mut("filters").and_then(Value::as_array_mut);
        for filter in filters.into_iter().flatten() {
            let Some(backend) = filter.pointer_mut("/requestMirror/backendRef") else {
                continue;
            };
            if let Some((Some(side), _)) = self.parts(backend).into_iter().max_by_key(|part| part.1)
            {
                backend["namespace"] = json!(side);
            }
        }
    }
}

/// The rules of a route for requests of testers, leading to where `toward` says.
pub(super) fn tester_rules(
    object: &Value,
    testers: &Testers,
    toward: &dyn Fn(&Value) -> Option<Value>,
) -> Vec<Value> {
    let headers = tester_headers(testers);
    let rules = list(&object["spec"]["rules"]).filter(|_| route::knows_headers(object));
    rules
        .filter_map(|rule| route::rule_for(rule, &headers, toward))
        .collect()
}

/// True if a route leads to one of `services` of its own namespace.
pub(super) fn leads_to(object: &Value, home: &str, services: &[&str]) -> bool {
    route::backends(object).any(|backend| is_one_of(backend, home, services))
}

fn is_one_of(backend: &Value, home: &str, services: &[&str]) -> bool {
    let here = backend["namespace"].as_str().unwrap_or(home) == home;
    here && services.iter().any(|name| route::is_service(backend, name))
}

/// What Gateways and routes of `home` name in it besides Services: certificates, filters of an implementation.
pub(super) fn named(objects: &[Object], home: &str) -> BTreeSet<(String, String)> {
    let mut named = BTreeSet::new();
    for (object, _) in objects {
        if namespace_of(object, home) != home {
            continue;
        }
        let mut note = |reference: &Value, kind: &str| {
            let here = reference["namespace"].as_str().unwrap_or(home) == home;
            let kind = reference["kind"].as_str().unwrap_or(kind);
            if let Some(name) = reference["name"].as_str().filter(|_| here) {
                named.insert((kind.to_owned(), name.to_owned()));
            }
        };
        if object["kind"] == "Gateway" {
            for listener in list(&object["spec"]["listeners"]) {
                let references = list(&listener["tls"]["certificateRefs"]);
                references.for_each(|reference| note(reference, "Secret"));
            }
        }
        if route::is_route(object) {
            for rule in list(&object["spec"]["rules"]) {
                let backends = list(&rule["backendRefs"]);
                let filters = backends.flat_map(|backend| list(&backend["filters"]));
                for filter in list(&rule["filters"]).chain(filters) {
                    note(&filter["extensionRef"], "");
                }
            }
        }
    }
    named
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The routes of a revision that lead to its Services, as `apiVersion`, kind and name.
pub fn routes(objects: &[Object], home: &str) -> Vec<(String, String, String)> {
    let services: Vec<&str> = objects
        .iter()
        .filter(|(object, _)| object["apiVersion"] == "v1" && object["kind"] == "Service")
        .filter_map(|(object, _)| object["metadata"]["name"].as_str())
        .collect();
    let routes = objects.iter().map(|(object, _)| object);
    routes
        .filter(|object| {
            route::is_route(object)
                && namespace_of(object, home) == home
                && leads_to(object, home, &services)
        })
        .map(|object| {
            let version = object["apiVersion"].as_str().unwrap_or_default();
            let id = id_of(object, home);
            (version.to_owned(), id.kind, id.name)
        })
        .collect()
}

/// Per cent that `live` routes lead to namespace `idle`, of what they lead to it and `serving`; `None` if they
/// disagree, if whoever carries them out has not taken them up yet, or if it cannot: `strict` asks for that.
pub fn achieved(live: &[Value], (serving, idle): (&str, &str), strict: bool) -> Option<u8> {
    if !live.iter().all(|route| is_carried_out(route, strict)) {
        return None;
    }
    let rules = live.iter().flat_map(|route| list(&route["spec"]["rules"]));
    let counted: Vec<(u64, u64, bool)> = rules.map(|rule| count(rule, (serving, idle))).collect();
    // A rule for testers names one side alone, and says nothing of the share while others name both.
    let both = counted.iter().any(|(_, _, both)| *both);
    let counted = counted.iter().filter(|one| one.2 == both);
    let shares: Vec<u8> = counted
        .filter(|(stable, canary, _)| stable + canary > 0)
        .map(|(stable, canary, _)| u8::try_from(canary * 100 / (stable + canary)).unwrap_or(100))
        .collect();
    let first = *shares.first()?;
    shares.iter().all(|share| *share == first).then_some(first)
}

/// The weights of both sides in a rule, and whether it names both.
fn count(rule: &Value, (serving, idle): (&str, &str)) -> (u64, u64, bool) {
    let weights = |side: &str| -> Vec<u64> {
        let backends = list(&rule["backendRefs"]).filter(|one| one["namespace"] == side);
        backends
            .map(|backend| backend["weight"].as_u64().unwrap_or(1))
            .collect()
    };
    let (stable, canary) = (weights(serving), weights(idle));
    let both = !stable.is_empty() && !canary.is_empty();
    (stable.iter().sum(), canary.iter().sum(), both)
}

fn is_carried_out(route: &Value, strict: bool) -> bool {
    let parents = list(&route["status"]["parents"]);
    let mut conditions = parents.flat_map(|parent| list(&parent["conditions"]));
    let refused = conditions.any(|one| {
        matches!(one["type"].as_str(), Some("Accepted" | "ResolvedRefs"))
            && one["status"] == "False"
    });
    shares::is_taken_up(route) && !(strict && refused)
}

/// Lets the routes of `home` lead to Services of `side`.
pub(super) fn grant(side: &str, home: &str, kinds: &BTreeSet<String>) -> Value {
    let from: Vec<Value> = kinds
        .iter()
        .map(|kind| json!({ "group": route::GROUP, "kind": kind, "namespace": home }))
        .collect();
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": { "name": format!("driftless-{home}"), "namespace": side },
        "spec": { "from": from, "to": [{ "group": "", "kind": "Service" }] },
    })
}

/// The Services that routes lead to and that pick the pods of `workload`.
pub fn leads(objects: &[Object], home: &str, workload: &Value) -> Vec<String> {
    let given = Given {
        good: objects,
        new: objects,
        namespace: home,
    };
    let services = pick::services(&given, &id_of(workload, home), workload);
    let routes = objects.iter().map(|(object, _)| object);
    let routes: Vec<&Value> = routes.filter(|object| route::is_route(object)).collect();
    let led = |name: &String| {
        routes
            .iter()
            .any(|one| leads_to(one, home, &[name.as_str()]))
    };
    services.into_iter().filter(led).collect()
}
