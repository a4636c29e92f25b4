//! Gateways and their classes: taken by a controller, and in force.

use super::{Health, degraded, healthy, live::Live, progressing};

pub(super) fn assess(live: Live<'_>) -> Health {
    let current = |kind: &str| {
        let condition = live.condition(kind);
        condition.filter(|condition| !condition.is_older_than(live.generation()))
    };
    let (accepted, programmed) = (current("Accepted"), current("Programmed"));
    let classless = live.text("/spec/gatewayClassName").is_none();
    match (accepted, programmed) {
        // Before a controller comes, the API server fills in `Unknown`.
        (Some(accepted), _) if accepted.is_false() => degraded(accepted.words()),
        (Some(accepted), None) if classless && accepted.is_true() => healthy("accepted"),
        (Some(_), Some(programmed)) if programmed.is_true() => healthy("programmed"),
        (_, Some(condition)) | (Some(condition), None) => progressing(condition.words()),
        (None, None) => progressing("no controller has taken it yet"),
    }
}
