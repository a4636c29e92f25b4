//! The objects of a chaos step. What only happens once, such as the killing of pods, is no object and not here.

use serde_json::{Value, json};

use super::{Given, Object, Track, config, find};
use crate::{
    judge::query::{Subject, fill},
    strategy::Chaos,
};

/// Adds what `chaos` wants to stand, and nothing to anybody but the canaries and those it names.
pub(super) fn add(objects: &mut Vec<Object>, given: &Given<'_>, tracks: &[Track], chaos: &Chaos) {
    for track in tracks {
        if chaos.isolate {
            let name = format!("{}-chaos", track.canary);
            objects.push((
                isolation(&name, track.namespace(), &json!(track.canary_labels())),
                None,
            ));
        }
        let service = track.services.first().map(|service| super::beside(service));
        let subject = Subject {
            namespace: track.namespace(),
            workload: &track.canary,
            service: service.as_deref().unwrap_or_default(),
            longest: None,
        };
        for object in &chaos.objects {
            let filled = filled(object, subject);
            if !objects.iter().any(|(known, _)| *known == filled) {
                objects.push((filled, None));
            }
        }
    }
    let named = given.good.iter().filter(|(object, _)| {
        let id = super::id_of(object, given.namespace).to_string();
        config::is_workload(object) && chaos.isolate && chaos.also.contains(&id)
    });
    for (object, _) in named {
        let id = super::id_of(object, given.namespace);
        let labels = &object["spec"]["selector"]["matchLabels"];
        if find(given.good, &id, given.namespace).is_some() {
            objects.push((
                isolation(&format!("{}-chaos", id.name), &id.namespace, labels),
                None,
            ));
        }
    }
}

/// Nothing in, nothing out.
fn isolation(name: &str, namespace: &str, labels: &Value) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "name": name, "namespace": namespace },
        "spec": { "podSelector": { "matchLabels": labels }, "policyTypes": ["Ingress", "Egress"] },
    })
}

fn filled(value: &Value, subject: Subject<'_>) -> Value {
    match value {
        Value::String(text) => {
            let text = text.replace("{{version}}", crate::words::CANARY);
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
