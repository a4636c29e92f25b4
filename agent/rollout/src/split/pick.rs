//! Labels and selectors: how the pods of the two versions are told apart.
//!
//! With a router the pods of the canary must not be picked by the stable Services, nor by the stable workload's own
//! selector, which autoscalers and budgets go by. So the fewest labels that all these selectors name get another
//! value, `web-canary` for `web`; everything else stays, so that policies and dashboards by other labels still fit.
//! By the number of pods the same Services are to pick both, and only a label is added.

use std::collections::{BTreeMap, BTreeSet};

use krm::{ObjectId, json::sha256_hex};
use serde_json::{Value, json};

use super::{Given, config, namespace_of};
use crate::words;

/// Labels that name an application, the most usual first.
const USUAL: [&str; 6] = [
    "app.kubernetes.io/name",
    "app",
    "k8s-app",
    "name",
    "app.kubernetes.io/component",
    "app.kubernetes.io/instance",
];
/// What the API server takes as the value of a label.
const LONGEST: usize = 63;

/// How pods are picked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picked {
    /// The labels of the stable pods.
    pub(super) stable: BTreeMap<String, String>,
    /// The labels whose value is another one for the canary, with that value.
    pub(super) renamed: BTreeMap<String, String>,
    /// What picks the pods of the canary and no others.
    pub(super) canary_selector: BTreeMap<String, String>,
}

impl Picked {
    pub(super) fn new(
        given: &Given<'_>,
        good: &Value,
        new: &Value,
        services: &[String],
        apart: bool,
    ) -> Result<Self, String> {
        let stable = pod_labels(good);
        let own = &new["spec"]["selector"]["matchLabels"];
        if own.as_object().is_none_or(serde_json::Map::is_empty) {
            return Err("its selector has no matchLabels; add one".to_owned());
        }
        let namespace = namespace_of(good, given.namespace);
        let keys = match apart {
            true => keys(given, good, namespace, services),
            false => BTreeSet::new(),
        };
        let renamed: BTreeMap<_, _> = keys
            .into_iter()
            .filter_map(|key| {
                let value = renamed_value(stable.get(&key)?);
                Some((key, value))
            })
            .collect();
        let mut canary_selector: BTreeMap<_, _> = config::labels(own).into_iter().collect();
        for (key, value) in &renamed {
            if canary_selector.contains_key(key) {
                canary_selector.insert(key.clone(), value.clone());
            }
        }
        canary_selector.insert(words::VERSION_LABEL.to_owned(), words::CANARY.to_owned());
        Ok(Self {
            stable,
            renamed,
            canary_selector,
        })
    }

    /// True if `selector` (`matchLabels`, `matchExpressions`) picks the stable pods and, by a label that has another
    /// value for them, not those of the canary.
    pub(super) fn tells_apart(&self, selector: &Value) -> bool {
        let canary = self.canary_pods();
        matches(selector, &self.stable) && !matches(selector, &canary)
    }

    fn canary_pods(&self) -> BTreeMap<String, String> {
        let mut labels = self.stable.clone();
        labels.extend(self.renamed.clone());
        labels
    }

    /// Makes a `selector` that picks the stable pods pick those of the canary.
    pub(super) fn rename(&self, selector: &mut Value) {
        for (key, value) in &self.renamed {
            if let Some(old) = selector
                .get_mut("matchLabels")
                .and_then(|all| all.get_mut(key))
            {
                *old = json!(value);
            }
            let expressions = selector.get_mut("matchExpressions");
            let expressions = expressions.and_then(Value::as_array_mut);
            for expression in expressions.into_iter().flatten() {
                let named = expression["key"] == key.as_str();
                let values = expression.get_mut("values").and_then(Value::as_array_mut);
                for old in values.into_iter().flatten().filter(|_| named) {
                    if old.as_str() == self.stable.get(key).map(String::as_str) {
                        *old = json!(value);
                    }
                }
            }
        }
    }

    /// The same for the plain map of a Service.
    pub(super) fn rename_map(&self, map: &mut Value) {
        for (key, value) in &self.renamed {
            if let Some(old) = map.get_mut(key) {
                *old = json!(value);
            }
        }
    }
}

/// Services of the good revision that lead to the pods of `workload`.
pub(super) fn services(given: &Given<'_>, id: &ObjectId, workload: &Value) -> Vec<String> {
    let pods = pod_labels(workload);
    let services = given.good.iter().map(|(object, _)| object);
    let mut names: Vec<_> = services
        .filter(|object| object["apiVersion"] == "v1" && object["kind"] == "Service")
        .filter(|object| namespace_of(object, given.namespace) == id.namespace)
        .filter(|object| {
            let selector = config::labels(&object["spec"]["selector"]);
            !selector.is_empty()
                && selector
                    .iter()
                    .all(|(key, value)| pods.get(key) == Some(value))
        })
        .filter_map(|object| Some(object["metadata"]["name"].as_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

fn pod_labels(workload: &Value) -> BTreeMap<String, String> {
    let labels = &workload["spec"]["template"]["metadata"]["labels"];
    config::labels(labels).into_iter().collect()
}

/// The fewest labels, the usual ones first, of which every selector names one.
fn keys(given: &Given<'_>, good: &Value, namespace: &str, services: &[String]) -> BTreeSet<String> {
    let selectors = given.good.iter().filter(|(object, _)| {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        object["kind"] == "Service"
            && namespace_of(object, given.namespace) == namespace
            && services.iter().any(|service| service == name)
    });
    let selectors = selectors.map(|(object, _)| &object["spec"]["selector"]);
    let all: Vec<BTreeSet<String>> = [&good["spec"]["selector"]["matchLabels"]]
        .into_iter()
        .chain(selectors)
        .map(|map| {
            config::labels(map)
                .into_iter()
                .map(|(key, _)| key)
                .collect()
        })
        .collect();
    let mut chosen = BTreeSet::new();
    let mut open: Vec<&BTreeSet<String>> = all.iter().collect();
    while let Some(first) = open.first() {
        let hits = |key: &String| open.iter().filter(|keys| keys.contains(key)).count();
        let place = |key: &String| {
            USUAL
                .iter()
                .position(|usual| usual == key)
                .unwrap_or(USUAL.len())
        };
        let best = first
            .iter()
            .max_by_key(|key| (hits(key), std::cmp::Reverse(place(key))));
        let Some(best) = best.cloned() else {
            break;
        };
        open.retain(|keys| !keys.contains(&best));
        chosen.insert(best);
    }
    chosen
}

fn renamed_value(value: &str) -> String {
    let renamed = super::beside(value);
    if renamed.len() <= LONGEST {
        return renamed;
    }
    let hash = &sha256_hex(value.as_bytes())[..8];
    let kept = LONGEST - words::SUFFIX.len() - 9;
    let kept: String = value.chars().take(kept).collect();
    format!(
        "{}-{hash}{}",
        kept.trim_end_matches(['-', '.', '_']),
        words::SUFFIX
    )
}

/// Whether a label selector picks something with these labels. An empty one picks everything.
pub(super) fn matches(selector: &Value, labels: &BTreeMap<String, String>) -> bool {
    let plain = config::labels(&selector["matchLabels"]);
    let expressions = selector["matchExpressions"].as_array();
    plain
        .iter()
        .all(|(key, value)| labels.get(key) == Some(value))
        && expressions
            .into_iter()
            .flatten()
            .all(|one| holds(one, labels))
}

fn holds(expression: &Value, labels: &BTreeMap<String, String>) -> bool {
    let label = expression["key"].as_str().and_then(|key| labels.get(key));
    let among = |label: &String| {
        let values = expression["values"].as_array();
        values
            .into_iter()
            .flatten()
            .any(|value| value == label.as_str())
    };
    match expression["operator"].as_str() {
        Some("In") => label.is_some_and(among),
        Some("NotIn") => !label.is_some_and(among),
        Some("Exists") => label.is_some(),
        Some("DoesNotExist") => label.is_none(),
        _ => false,
    }
}
