//! `StatefulSet`s: every replica runs the new version, except those a partition holds back.

use super::{Health, healthy, live::Live, progressing};

pub(super) fn assess(live: Live<'_>) -> Health {
    let wanted = live.int("/spec/replicas").unwrap_or(1);
    let (total, ready) = (
        live.count("/status/replicas"),
        live.count("/status/readyReplicas"),
    );
    let by_hand = live.text("/spec/updateStrategy/type") == Some("OnDelete");
    let partition = live.count("/spec/updateStrategy/rollingUpdate/partition");
    let updated = live.count("/status/updatedReplicas");
    let to_update = (wanted - partition).max(0);
    if live.int("/status/observedGeneration").is_none() {
        progressing("its controller has not seen it yet")
    } else if total > wanted {
        progressing(format!("surplus replicas still to go: {}", total - wanted))
    } else if total < wanted || ready < wanted {
        progressing(format!("{ready} of {wanted} replicas ready"))
    } else if by_hand || partition > 0 && updated >= to_update {
        healthy(format!("{ready} of {wanted} replicas ready"))
    } else if updated < to_update || !is_one_revision(live) {
        progressing(format!("{updated} of {to_update} replicas updated"))
    } else {
        healthy(format!("{ready} of {wanted} replicas ready"))
    }
}

fn is_one_revision(live: Live<'_>) -> bool {
    live.text("/status/currentRevision") == live.text("/status/updateRevision")
}
