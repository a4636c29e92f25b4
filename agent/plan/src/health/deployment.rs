//! Deployments: the new version runs in full and the old one is gone.

use super::{Health, degraded, healthy, live::Live, progressing, suspended};

pub(super) fn assess(live: Live<'_>) -> Health {
    let progress = live.condition("Progressing");
    if let Some(stuck) = progress.filter(|c| c.reason() == "ProgressDeadlineExceeded") {
        return degraded(format!("{}; {}", available(live), stuck.words()));
    }
    let wanted = wanted(live);
    let updated = live.count("/status/updatedReplicas");
    let settled = updated >= wanted
        && live.count("/status/replicas") == wanted
        && live.count("/status/availableReplicas") >= wanted;
    match live.condition("ReplicaFailure").filter(|c| c.is_true()) {
        _ if live.flag("/spec/paused") && !settled => {
            suspended(format!("paused; {updated} of {wanted} replicas updated"))
        }
        Some(failure) if !settled => {
            progressing(format!("{}; {}", available(live), failure.words()))
        }
        _ if live.int("/status/observedGeneration").is_none() => {
            progressing("its controller has not seen it yet")
        }
        _ => replicas(live, wanted, updated),
    }
}

fn replicas(live: Live<'_>, wanted: i64, updated: i64) -> Health {
    let total = live.count("/status/replicas");
    let serving = live.count("/status/availableReplicas");
    if updated < wanted {
        progressing(format!("{updated} of {wanted} replicas updated"))
    } else if total > wanted.max(updated) {
        progressing(format!("old replicas still to go: {}", total - updated))
    } else if serving < wanted {
        progressing(available(live))
    } else {
        healthy(available(live))
    }
}

fn available(live: Live<'_>) -> String {
    let serving = live.count("/status/availableReplicas");
    format!("{serving} of {} replicas available", wanted(live))
}

fn wanted(live: Live<'_>) -> i64 {
    live.int("/spec/replicas").unwrap_or(1)
}
