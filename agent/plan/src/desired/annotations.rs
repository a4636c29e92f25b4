//! The annotations by which people steer single objects.

use serde_json::Value;

use super::{RefusalReason, faults::Faults, words};

/// What the annotations of an object say.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one annotation, independent of the others"
)]
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub wave: i32,
    pub keep: bool,
    pub frozen: bool,
    pub recreate: bool,
    pub adopt: bool,
}

/// Enough for every order, and far from what a sum could overflow.
const WAVES: std::ops::RangeInclusive<i32> = -1000..=1000;

/// Reads our annotations; also checks that all labels and annotations are text, as the API server asks.
pub(super) fn read(body: &Value, faults: &mut Faults) -> Marks {
    for group in ["labels", "annotations"] {
        check_text(body, group, faults);
    }
    let mut marks = Marks::default();
    let group = body
        .get("apiVersion")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let annotations = body["metadata"]["annotations"].as_object();
    for (key, value) in annotations.into_iter().flatten() {
        // Our own kinds carry requests and approvals, which are read elsewhere.
        let ours = key.starts_with(words::PREFIX) && !group.starts_with(words::GROUP);
        if let (true, Value::String(value)) = (ours, value) {
            mark(&mut marks, key, value, faults);
        }
    }
    marks
}

fn mark(marks: &mut Marks, key: &str, value: &str, faults: &mut Faults) {
    let (flag, word) = match key {
        words::WAVE => return wave(marks, value, faults),
        words::PRUNE => (&mut marks.keep, "disabled"),
        words::RECONCILE => (&mut marks.frozen, "disabled"),
        words::RECREATE => (&mut marks.recreate, "allowed"),
        words::ADOPT => (&mut marks.adopt, "allowed"),
        _ => {
            let known = [
                words::WAVE,
                words::PRUNE,
                words::RECONCILE,
                words::RECREATE,
                words::ADOPT,
            ];
            let message = format!(
                "has the annotation {key}, which is not known; known are {}",
                known.join(", ")
            );
            return faults.add(RefusalReason::BadAnnotation, message);
        }
    };
    *flag = value == word;
    if !*flag {
        let message = format!("has {key}: {value:?}; the only value it can have is {word:?}");
        faults.add(RefusalReason::BadAnnotation, message);
    }
}

fn wave(marks: &mut Marks, value: &str, faults: &mut Faults) {
    match value.parse() {
        Ok(wave) if WAVES.contains(&wave) => marks.wave = wave,
        _ => {
            let message = format!(
                "has {}: {value:?}; it has to be a whole number from -1000 to 1000",
                words::WAVE
            );
            faults.add(RefusalReason::BadAnnotation, message);
        }
    }
}

fn check_text(body: &Value, group: &str, faults: &mut Faults) {
    let entries = match body["metadata"].get(group) {
        None | Some(Value::Null) => return,
        Some(Value::Object(entries)) => entries,
        Some(_) => {
            let message = format!("has metadata.{group} that are not a map");
            return faults.add(RefusalReason::BadAnnotation, message);
        }
    };
    for (key, _) in entries.iter().filter(|(_, value)| !value.is_string()) {
        let message =
            format!("has metadata.{group} whose {key:?} is not text; put the value in quotes");
        faults.add(RefusalReason::BadAnnotation, message);
    }
}
