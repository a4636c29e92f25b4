//! `PodDisruptionBudget`s: as many Pods are healthy as they demand.

use super::{Health, healthy, live::Live, progressing};

pub(super) fn assess(live: Live<'_>) -> Health {
    let (well, wanted) = (
        live.count("/status/currentHealthy"),
        live.count("/status/desiredHealthy"),
    );
    match (live.int("/status/observedGeneration"), well < wanted) {
        (None, _) => progressing("its controller has not seen it yet"),
        (Some(_), true) => progressing(format!("healthy Pods: {well}, demanded: {wanted}")),
        (Some(_), false) => healthy(format!("healthy Pods: {well}, demanded: {wanted}")),
    }
}
