//! The annotations by which people steer single objects.

use serde_json::Value;

use super::{ApplyMode, RefusalReason, faults::Faults, mode::keeps_in_flux, words};
use crate::{fields::FieldPath, point::Point};

/// What the annotations of an object say.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one annotation, independent of the others"
)]
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub wave: i32,
    pub keep: bool,
    pub apply: Option<ApplyMode>,
    pub ignore: Vec<FieldPath>,
    pub recreate: bool,
    pub adopt: bool,
    /// The older spelling of [`ApplyMode::Never`].
    frozen: bool,
    pub hook: Option<Point>,
    pub hook_keep: Option<u32>,
    pub hook_silent: bool,
}

/// Enough for every order, and far from what a sum could overflow.
const WAVES: std::ops::RangeInclusive<i32> = -1000..=1000;

/// How many runs of a hook may be kept.
const KEPT: std::ops::RangeInclusive<u32> = 1..=10;

/// Reads our annotations; also checks that all labels and annotations are text, as the API server asks.
pub(super) fn read(body: &Value, faults: &mut Faults) -> Marks {
    for group in ["labels", "annotations"] {
        check_text(body, group, faults);
    }
    let (mut marks, mut flux) = (Marks::default(), None);
    let group = body
        .get("apiVersion")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let annotations = body["metadata"]["annotations"].as_object();
    for (key, value) in annotations.into_iter().flatten() {
        // Our own kinds carry requests and approvals, which are read elsewhere.
        let ours = key.starts_with(words::PREFIX) && !group.starts_with(words::GROUP);
        match (ours, value) {
            (true, Value::String(value)) => mark(&mut marks, key, value, faults),
            (false, Value::String(value)) => of_flux(&mut marks, &mut flux, key, value),
            _ => {}
        }
    }
    if marks.frozen {
        spell_never(&mut marks, faults);
    }
    marks.apply = marks.apply.or(flux);
    marks
}

/// What was written for Flux keeps its meaning where that is to do less; our own word counts more.
fn of_flux(marks: &mut Marks, apply: &mut Option<ApplyMode>, key: &str, value: &str) {
    *apply = (*apply).max(ApplyMode::of_flux(key, value));
    marks.keep |= keeps_in_flux(key, value);
}

fn spell_never(marks: &mut Marks, faults: &mut Faults) {
    if marks.apply.is_some_and(|mode| mode != ApplyMode::Never) {
        let message = format!(
            "has both {} and {}, which say different things; take {0} out",
            words::RECONCILE,
            words::APPLY
        );
        faults.add(RefusalReason::BadAnnotation, message);
    }
    marks.apply = Some(ApplyMode::Never);
}

fn ignore(marks: &mut Marks, value: &str, faults: &mut Faults) {
    for path in value.split_whitespace() {
        match path.parse() {
            Ok(path) => marks.ignore.push(path),
            Err(bad) => {
                let message = format!("has {}: {bad}", words::IGNORE);
                faults.add(RefusalReason::BadAnnotation, message);
            }
        }
    }
}

fn mark(marks: &mut Marks, key: &str, value: &str, faults: &mut Faults) {
    let (flag, word) = match key {
        words::WAVE => return wave(marks, value, faults),
        words::APPLY => return marks.apply = Some(ApplyMode::read(value, faults)),
        words::IGNORE => return ignore(marks, value, faults),
        words::HOOK => return hook(marks, value, faults),
        words::STRATEGY => return,
        words::ROLLOUT => return rollout(value, faults),
        words::HOOK_KEEP => return hook_keep(marks, value, faults),
        words::HOOK_LOG => (&mut marks.hook_silent, "disabled"),
        words::PRUNE => (&mut marks.keep, "disabled"),
        words::RECONCILE => (&mut marks.frozen, "disabled"),
        words::RECREATE => (&mut marks.recreate, "allowed"),
        words::ADOPT => (&mut marks.adopt, "allowed"),
        _ => {
            let known = [
                words::WAVE,
                words::PRUNE,
                words::APPLY,
                words::IGNORE,
                words::RECONCILE,
                words::RECREATE,
                words::ADOPT,
                words::HOOK,
                words::HOOK_KEEP,
                words::HOOK_LOG,
                words::STRATEGY,
                words::ROLLOUT,
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

/// The wave of an object that is refused anyway; the usual one where none can be read.
pub(super) fn wave_of(body: &Value) -> i32 {
    let written = body.pointer(words::WAVE_POINTER).and_then(Value::as_str);
    let wave = written.and_then(|written| written.parse().ok());
    wave.filter(|wave| WAVES.contains(wave)).unwrap_or_default()
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

fn rollout(value: &str, faults: &mut Faults) {
    if !words::ROLLOUT_WORDS.contains(&value) {
        let message = format!(
            "has {}: {value:?}; it has to be one of {}",
            words::ROLLOUT,
            words::ROLLOUT_WORDS.join(", ")
        );
        faults.add(RefusalReason::BadAnnotation, message);
    }
}

fn hook(marks: &mut Marks, value: &str, faults: &mut Faults) {
    marks.hook = Point::parse(value);
    if marks.hook.is_none() {
        let message = format!(
            "has {}: {value:?}; it has to be before, after or failed",
            words::HOOK
        );
        faults.add(RefusalReason::BadHook, message);
    }
}

fn hook_keep(marks: &mut Marks, value: &str, faults: &mut Faults) {
    marks.hook_keep = value.parse().ok().filter(|keep| KEPT.contains(keep));
    if marks.hook_keep.is_none() {
        let message = format!(
            "has {}: {value:?}; it has to be a number from 1 to 10",
            words::HOOK_KEEP
        );
        faults.add(RefusalReason::BadHook, message);
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
