//! The new version of a Deployment, beside the old one.

use serde_json::{Value, json};

use super::{Given, Object, Track, config, find, pick::Picked, twin};

/// Everything of `track` that stands beside the stable objects, with `pods` pods.
pub(super) fn make(
    given: &Given<'_>,
    track: &Track,
    copies: &[config::Copied],
    pods: u32,
) -> Vec<Object> {
    let Some((new, origin)) = find(given.new, &track.id, given.namespace) else {
        return Vec::new();
    };
    let mut twins = twin::make(given, track, pods);
    let scaled = twins
        .iter()
        .any(|(object, _)| object["kind"] == "HorizontalPodAutoscaler");
    let mut sibling = new.clone();
    config::point_to_copies(&mut sibling, copies, given.namespace);
    dress(&mut sibling, track);
    if let Some(spec) = sibling["spec"].as_object_mut() {
        match scaled {
            // Two that write the same number would never agree.
            true => spec.remove("replicas"),
            false => spec.insert("replicas".to_owned(), json!(pods)),
        };
    }
    let mut made = vec![(sibling, origin.clone())];
    made.append(&mut twins);
    made
}

/// Gives the sibling its name and labels.
fn dress(sibling: &mut Value, track: &Track) {
    sibling["metadata"]["name"] = json!(track.canary);
    config::mark(sibling);
    let spec = &mut sibling["spec"];
    spec["selector"] = json!({ "matchLabels": track.picked.canary_selector });
    let template = &mut spec["template"];
    config::mark(template);
    track.picked.rename_map(&mut template["metadata"]["labels"]);
    neighbours(&mut template["spec"], &track.picked);
}

/// Rules about neighbours that speak of the workload's own pods speak of the canary's.
fn neighbours(value: &mut Value, picked: &Picked) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match key.as_str() {
                    "labelSelector" if picked.tells_apart(value) => picked.rename(value),
                    "affinity" | "topologySpreadConstraints" => neighbours(value, picked),
                    key if key.ends_with("ffinity")
                        || key.starts_with("preferred")
                        || key.starts_with("required") =>
                    {
                        neighbours(value, picked);
                    }
                    "podAffinityTerm" => neighbours(value, picked),
                    _ => {}
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| neighbours(item, picked)),
        _ => {}
    }
}
