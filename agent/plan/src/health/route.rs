//! Routes of the Gateway API: every gateway they name has accepted them and knows where they lead.

use super::{Health, degraded, healthy, live::Live, progressing};

pub(super) fn assess(live: Live<'_>) -> Health {
    let wanted = live.list("/spec/parentRefs").count();
    let parents: Vec<Live<'_>> = live.list("/status/parents").collect();
    if parents.len() < wanted {
        return progressing(format!(
            "{} of {wanted} gateways have taken it",
            parents.len()
        ));
    }
    let parts = parents
        .into_iter()
        .map(|parent| of_parent(parent, live.generation()));
    let worst = parts.max_by_key(|health| health.status);
    worst.unwrap_or_else(|| healthy("names no gateway"))
}

fn of_parent(parent: Live<'_>, generation: i64) -> Health {
    let gateway = parent.text("/parentRef/name").unwrap_or_default();
    for kind in ["Accepted", "ResolvedRefs"] {
        match parent.condition_in("/conditions", kind) {
            Some(condition) if condition.is_older_than(generation) => {
                return progressing(format!("gateway {gateway} has not seen the latest change"));
            }
            Some(condition) if condition.is_false() => {
                return degraded(format!("gateway {gateway}: {}", condition.words()));
            }
            Some(condition) if !condition.is_true() => {
                return progressing(format!("gateway {gateway}: {}", condition.words()));
            }
            None if kind == "Accepted" => {
                return progressing(format!("gateway {gateway} has not accepted it yet"));
            }
            _ => {}
        }
    }
    healthy("accepted")
}
