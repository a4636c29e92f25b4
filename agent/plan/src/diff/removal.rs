//! What becomes of the objects when their Environment is deleted.

use super::{DropReason, Dropped, Plan, ReleaseReason, budget, prune};
use crate::{inventory::Inventory, live::LiveView};

/// What to do about everything the inventory holds: delete it in the reverse of the order of applying, or
/// with `orphan` let it go.
///
/// Deleting an Environment asks for all of it to go, so there is no budget; but what takes data or other
/// objects with it still waits for an approval.
pub fn remove(inventory: &Inventory, live: &dyn LiveView, environment: &str, orphan: bool) -> Plan {
    let mut plan = Plan::default();
    let left = inventory.iter().collect();
    if !orphan {
        prune::sort_out(left, live, environment, &mut plan);
        budget::hold_back_precious(inventory, &mut plan);
        return plan;
    }
    for (id, entry) in left {
        let found = live.get(id);
        let forgotten = prune::forget(entry, found, environment);
        match found.filter(|_| forgotten.is_none()) {
            Some(found) => {
                let reason = ReleaseReason::Orphaned;
                plan.released.push(prune::release(id, entry, found, reason));
            }
            None => plan.dropped.push(Dropped {
                id: id.clone(),
                reason: forgotten.unwrap_or(DropReason::Kept),
            }),
        }
    }
    plan
}
