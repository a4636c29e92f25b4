//! Conditions that an object of any kind may carry.

use super::{Health, degraded, healthy, live::Live, progressing};

/// What `Stalled` and `Reconciling` say, if they say that it is not there yet.
pub(super) fn declared(live: Live<'_>) -> Option<Health> {
    if let Some(stalled) = live.condition("Stalled").filter(|c| c.is_true()) {
        return Some(degraded(stalled.words()));
    }
    let reconciling = live.condition("Reconciling").filter(|c| c.is_true())?;
    Some(progressing(reconciling.words()))
}

/// What `Ready` or else `Available` says. An object without either is as healthy as it can be.
pub(super) fn generic(live: Live<'_>) -> Health {
    let condition = live
        .condition("Ready")
        .or_else(|| live.condition("Available"));
    match condition {
        None => healthy(""),
        Some(condition) if condition.is_older_than(live.generation()) => {
            progressing("its condition speaks of an older generation")
        }
        Some(condition) if condition.is_true() => healthy(""),
        Some(condition) => progressing(condition.words()),
    }
}
