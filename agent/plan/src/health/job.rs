//! Jobs: run to a good end.

use super::{Health, degraded, healthy, live::Live, progressing, suspended};

pub(super) fn assess(live: Live<'_>) -> Health {
    let is = |kind: &str| live.condition(kind).filter(|condition| condition.is_true());
    if let Some(failed) = is("Failed").or_else(|| is("FailureTarget")) {
        return degraded(failed.words());
    }
    let wanted = live.int("/spec/completions").unwrap_or(1);
    let done = live.count("/status/succeeded");
    if is("Complete").is_some() {
        healthy("ran to its end")
    } else if live.flag("/spec/suspend") || is("Suspended").is_some() {
        suspended("suspended")
    } else if live.text("/status/startTime").is_none() {
        progressing("not started yet")
    } else {
        let (active, failed) = (live.count("/status/active"), live.count("/status/failed"));
        progressing(format!(
            "{done} of {wanted} done, {active} running, {failed} failed"
        ))
    }
}
