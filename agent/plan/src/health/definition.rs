//! `CustomResourceDefinition`s: established, so that objects of the kind can be made.

use super::{Health, degraded, healthy, live::Live, progressing};

pub(super) fn assess(live: Live<'_>) -> Health {
    if let Some(refused) = live.condition("NamesAccepted").filter(|c| c.is_false()) {
        return degraded(refused.words());
    }
    match live.condition("Established") {
        Some(established) if established.is_true() => healthy("established"),
        Some(established) => progressing(established.words()),
        None => progressing("not established yet"),
    }
}
