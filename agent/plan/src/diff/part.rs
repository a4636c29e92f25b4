//! Whether some objects may be judged without all the others, because the others would change nothing about it.
//!
//! Only for objects that were applied, to put them back as they were: nothing is made anew that way, deleted or taken over.
//! That the others are as they should be, and that nothing waits, is for the caller to know.

use std::collections::BTreeSet;

use krm::ObjectId;

use super::{Action, Plan};
use crate::{
    desired::Desired,
    health::HealthStatus,
    inventory::{Entry, Inventory},
};

/// The entries of `ids`, if each is that of an object which is simply kept equal to git. What others stand on, and what
/// somebody has decided about, is judged with everything else.
pub fn part(inventory: &Inventory, ids: &BTreeSet<ObjectId>) -> Option<Inventory> {
    let part = inventory.part(ids)?;
    let plain = |(id, entry): (&ObjectId, &Entry)| {
        let kept = entry.hook.is_none() && entry.fate.is_none();
        kept && !entry.temporary && !entry.disturbance && !is_ground(id)
    };
    let all_plain = part.iter().all(plain);
    all_plain.then_some(part)
}

/// True if `plan` does with the objects of `part` what the plan of everything in `all` would do with them: they are
/// `desired` as they were applied, and are put back, those that are gone with nothing to wait for.
pub fn suffices(
    plan: &Plan,
    (desired, part): (&[Desired], &Inventory),
    all: &Inventory,
    health: &dyn Fn(&ObjectId) -> HealthStatus,
) -> bool {
    let applied = |object: &Desired| {
        part.get(&object.id).is_some_and(|entry| {
            let same = entry
                .applied
                .as_ref()
                .is_some_and(|it| *it == object.digest);
            same && entry.wave == object.wave_in_git() && entry.keep == object.keep
        })
    };
    let back = |action: Action| matches!(action, Action::Repair | Action::Restore);
    let rest = plan.prune.is_empty()
        && plan.prune_hold.is_none()
        && plan.dropped.is_empty()
        && plan.released.is_empty()
        && plan.held.is_empty();
    let mut gone = plan.changes().filter(|it| it.action == Action::Restore);
    rest && desired.len() == part.len()
        && desired.iter().all(applied)
        && plan.changes().all(|change| back(change.action))
        && gone.all(|change| stands(&desired[change.index], all, health))
}

/// True if all that has to be there before `object` is made again is healthy.
fn stands(object: &Desired, all: &Inventory, health: &dyn Fn(&ObjectId) -> HealthStatus) -> bool {
    let before = |id: &ObjectId, entry: &Entry| entry.wave < object.wave.wave || is_ground(id);
    let kept = all.iter();
    let mut kept = kept.filter(|(_, entry)| entry.hook.is_none() && entry.fate.is_none());
    kept.all(|(id, entry)| !before(id, entry) || health(id).is_fine())
}

/// Namespaces and definitions: others live in them.
fn is_ground(id: &ObjectId) -> bool {
    matches!(
        (id.group.as_str(), id.kind.as_str()),
        ("", "Namespace") | ("apiextensions.k8s.io", "CustomResourceDefinition")
    )
}
