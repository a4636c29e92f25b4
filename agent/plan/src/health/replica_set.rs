//! `ReplicaSet`s and `ReplicationController`s: as many replicas as asked for are available.

use super::{Health, healthy, live::Live, progressing};

pub(super) fn assess(live: Live<'_>) -> Health {
    let wanted = live.int("/spec/replicas").unwrap_or(1);
    let (total, available) = (
        live.count("/status/replicas"),
        live.count("/status/availableReplicas"),
    );
    let message = format!("{available} of {wanted} replicas available");
    match live.condition("ReplicaFailure").filter(|c| c.is_true()) {
        Some(failure) => progressing(format!("{message}; {}", failure.words())),
        None if total > wanted => {
            progressing(format!("surplus replicas still to go: {}", total - wanted))
        }
        None if live.int("/status/observedGeneration").is_none() => {
            progressing("its controller has not seen it yet")
        }
        None if available < wanted => progressing(message),
        None => healthy(message),
    }
}
