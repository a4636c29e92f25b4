//! How much may be deleted before somebody has to say yes.

use krm::ObjectId;

use super::{Approval, Plan, PlanInput};

/// How many names a message holds.
const NAMED: usize = 3;

/// What has to be approved, unless it is.
pub(super) fn needed(input: &PlanInput<'_>, plan: &Plan) -> Option<Approval> {
    let new = plan.prune.iter().filter(|deletion| !deletion.deleting);
    let new: Vec<&ObjectId> = new.map(|deletion| &deletion.id).collect();
    let precious: Vec<ObjectId> = new
        .iter()
        .filter(|id| is_precious(id))
        .map(|id| (*id).clone())
        .collect();
    let (total, limit) = (input.inventory.len(), limit(input));
    let fine = new.len() <= limit && precious.is_empty();
    if fine || input.rules.approved == Some(plan.digest.as_str()) {
        return None;
    }
    let mut message = vec![format!("would delete {} of {total} objects", new.len())];
    if new.len() > limit {
        message.push(format!("more than the {limit} that need no approval"));
    }
    if !precious.is_empty() {
        message.push(format!("among them {}", names(&precious)));
    }
    Some(Approval {
        deletions: new.len(),
        precious,
        message: message.join(", "),
    })
}

fn limit(input: &PlanInput<'_>) -> usize {
    let budget = input.rules.budget;
    let share = input.inventory.len() * budget.percent as usize / 100;
    share.max(budget.objects as usize)
}

/// What takes data or other objects with it.
fn is_precious(id: &ObjectId) -> bool {
    matches!(
        (id.group.as_str(), id.kind.as_str()),
        (
            "",
            "Namespace" | "PersistentVolumeClaim" | "PersistentVolume"
        ) | ("apiextensions.k8s.io", "CustomResourceDefinition")
    )
}

/// The first few, and how many more.
fn names(ids: &[ObjectId]) -> String {
    let mut names: Vec<String> = ids.iter().take(NAMED).map(ToString::to_string).collect();
    if ids.len() > NAMED {
        names.push(format!("{} more", ids.len() - NAMED));
    }
    names.join(", ")
}
