//! Namespaces: active.

use super::{Health, healthy, live::Live, progressing};

pub(super) fn assess(live: Live<'_>) -> Health {
    match live.text("/status/phase") {
        Some("Active") => healthy("active"),
        Some(phase) => progressing(format!("phase {phase}")),
        None => progressing("not active yet"),
    }
}
