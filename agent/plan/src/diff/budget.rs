//! How much may be deleted before somebody has to say yes.

use krm::ObjectId;

use super::{Plan, Rules};
use crate::inventory::{Fate, Inventory};

/// How many of `total` objects one revision may delete.
pub(super) fn limit(rules: &Rules<'_>, total: usize) -> usize {
    let share = total * rules.budget.percent as usize / 100;
    share.max(rules.budget.objects as usize)
}

/// Holds all new deletions back if they are too many or one of them is precious: it is one plan, and
/// somebody looks at all of it.
pub(super) fn hold_back(inventory: &Inventory, limit: usize, plan: &mut Plan) {
    let is_new = |id: &ObjectId| {
        inventory
            .get(id)
            .is_some_and(|entry| entry.fate != Some(Fate::Delete))
    };
    // What a rollout made goes with it, and was never asked for by git.
    let passing =
        |id: &ObjectId| inventory.get(id).is_some_and(|entry| entry.temporary) && !is_precious(id);
    let (mut new, mut precious) = (0, false);
    for gone in &mut plan.prune {
        gone.waits = !gone.deleting && is_new(&gone.id) && !passing(&gone.id);
        new += usize::from(gone.waits);
        precious |= gone.waits && is_precious(&gone.id);
    }
    if new <= limit && !precious {
        plan.prune.iter_mut().for_each(|gone| gone.waits = false);
    }
}

/// Holds back only what is precious: somebody has asked for all of it to go.
pub(super) fn hold_back_precious(inventory: &Inventory, plan: &mut Plan) {
    hold_back(inventory, 0, plan);
    for gone in plan.prune.iter_mut().filter(|gone| !is_precious(&gone.id)) {
        gone.waits = false;
    }
}

/// What takes data or other objects with it.
pub(super) fn is_precious(id: &ObjectId) -> bool {
    matches!(
        (id.group.as_str(), id.kind.as_str()),
        (
            "",
            "Namespace" | "PersistentVolumeClaim" | "PersistentVolume"
        ) | ("apiextensions.k8s.io", "CustomResourceDefinition")
    )
}
