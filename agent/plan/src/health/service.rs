//! Services: one that asks for a load balancer has an address.

use super::{Health, healthy, live::Live, progressing};

pub(super) fn assess(live: Live<'_>) -> Health {
    let balanced = live.text("/spec/type") == Some("LoadBalancer");
    match live.list("/status/loadBalancer/ingress").next() {
        None if balanced => progressing("waiting for an address from the load balancer"),
        _ => healthy(""),
    }
}
