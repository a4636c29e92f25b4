//! `DaemonSet`s: the new version is available on every node that should run it.

use super::{Health, healthy, live::Live, progressing};

pub(super) fn assess(live: Live<'_>) -> Health {
    let wanted = live.count("/status/desiredNumberScheduled");
    let updated = live.count("/status/updatedNumberScheduled");
    let available = live.count("/status/numberAvailable");
    let misplaced = live.count("/status/numberMisscheduled");
    let by_hand = live.text("/spec/updateStrategy/type") == Some("OnDelete");
    if live.int("/status/observedGeneration").is_none() {
        progressing("its controller has not seen it yet")
    } else if !by_hand && updated < wanted {
        progressing(format!("updated on {updated} of {wanted} nodes"))
    } else if available < wanted {
        progressing(format!("available on {available} of {wanted} nodes"))
    } else if misplaced > 0 {
        healthy(format!(
            "available on {wanted} nodes, still on {misplaced} it should leave"
        ))
    } else {
        healthy(format!("available on {wanted} nodes"))
    }
}
