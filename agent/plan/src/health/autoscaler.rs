//! `HorizontalPodAutoscaler`s: can read what they scale by, and can scale.

use serde_json::{Value, json};

use super::{Health, healthy, live::Live, progressing, suspended};

/// Where `autoscaling/v1` keeps the conditions, for which it has no field.
const NOTED: &str = "/metadata/annotations/autoscaling.alpha.kubernetes.io~1conditions";

pub(super) fn assess(live: Live<'_>) -> Health {
    let noted = live
        .text(NOTED)
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    match noted {
        Some(conditions) => judge(Live(&json!({ "status": { "conditions": conditions } }))),
        None => judge(live),
    }
}

fn judge(live: Live<'_>) -> Health {
    let (able, active) = (
        live.condition("AbleToScale"),
        live.condition("ScalingActive"),
    );
    if let Some(unable) = able.filter(|condition| condition.is_false()) {
        return progressing(unable.words());
    }
    match active.filter(|condition| condition.is_false()) {
        // Somebody scaled the target to 0, which switches scaling off.
        Some(off) if off.reason() == "ScalingDisabled" => suspended(off.words()),
        Some(inactive) => progressing(inactive.words()),
        None if able.is_none() => progressing("its controller has not seen it yet"),
        None => healthy(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::HealthStatus;

    #[test]
    fn the_first_version_keeps_its_conditions_in_an_annotation() {
        let status = |text: &str| {
            let live = json!({ "metadata": { "annotations": {
                "autoscaling.alpha.kubernetes.io/conditions": text } } });
            assess(Live(&live)).status
        };
        let able = r#"[{"type":"AbleToScale","status":"True","reason":"x","message":"y"}]"#;
        assert_eq!(status(able), HealthStatus::Healthy);
        assert_eq!(
            status(&able.replace("True", "False")),
            HealthStatus::Progressing
        );
        assert_eq!(status("no JSON"), HealthStatus::Progressing);
    }
}
