//! `PersistentVolumeClaim`s: bound to a volume.

use super::{Health, degraded, healthy, live::Live, progressing};

pub(super) fn assess(live: Live<'_>) -> Health {
    match live.text("/status/phase") {
        Some("Bound") => healthy("bound"),
        Some("Lost") => degraded("its volume is lost"),
        Some("Pending") | None => progressing("waiting for a volume"),
        Some(phase) => progressing(format!("phase {phase}")),
    }
}
