//! Reads from live routes and Services who gets what.

use serde_json::Value;

use crate::{
    observe::Router,
    split::{Track, beside},
};

/// Per cent that `live` routes or Services give to the canary of `track`, 0 if none of them leads to it; `None` if they
/// disagree, if whoever carries them out has not taken them up yet, or if there are none.
pub fn achieved(track: &Track, live: &[Value]) -> Option<u8> {
    let shares: Vec<u8> = match track.router {
        Router::Selector => live
            .iter()
            .map(|service| selected(track, service))
            .collect(),
        Router::Route => {
            let routes = live.iter();
            let shares = routes.map(|route| routed(track, route));
            let shares = shares.collect::<Option<Vec<_>>>()?.concat();
            if shares.is_empty() && !live.is_empty() {
                // A commit may take its backend out, or name it otherwise.
                return Some(0);
            }
            shares
        }
        Router::Replicas | Router::InPlace => return None,
    };
    let first = *shares.first()?;
    shares.iter().all(|share| *share == first).then_some(first)
}

fn selected(track: &Track, service: &Value) -> u8 {
    let selector = service["spec"]["selector"].as_object();
    let canary = track.canary_labels();
    let leads = selector.is_some_and(|selector| {
        selector.get(crate::words::VERSION_LABEL).is_some()
            && selector
                .iter()
                .all(|(key, value)| canary.get(key).map(String::as_str) == value.as_str())
    });
    if leads { 100 } else { 0 }
}

/// The shares of each rule that leads to the workload by weight.
fn routed(track: &Track, route: &Value) -> Option<Vec<u8>> {
    if !is_taken_up(route) {
        return None;
    }
    let rules = route["spec"]["rules"].as_array().into_iter().flatten();
    Some(rules.filter_map(|rule| share(track, rule)).collect())
}

fn share(track: &Track, rule: &Value) -> Option<u8> {
    let (mut stable, mut canary, mut divides) = (0_u64, 0_u64, false);
    for backend in rule["backendRefs"].as_array().into_iter().flatten() {
        let weight = backend["weight"].as_u64().unwrap_or(1);
        let named = |name: &str| backend["name"] == name;
        if track.services.iter().any(|service| named(service)) {
            stable += weight;
            divides = true;
        } else if track.services.iter().any(|service| named(&beside(service))) {
            canary += weight;
        }
    }
    let all = stable + canary;
    // A rule for testers leads to the canary alone and says nothing of the share.
    (all > 0 && divides).then(|| u8::try_from(canary * 100 / all).unwrap_or(100))
}

/// True once every controller that speaks of a route speaks of it as it is now.
pub(super) fn is_taken_up(route: &Value) -> bool {
    let generation = route["metadata"]["generation"].as_i64().unwrap_or_default();
    let parents = route["status"]["parents"].as_array().into_iter().flatten();
    let mut conditions = parents
        .filter_map(|parent| parent["conditions"].as_array())
        .flatten();
    conditions.all(|condition| {
        condition["observedGeneration"]
            .as_i64()
            .is_none_or(|seen| seen >= generation)
    })
}
