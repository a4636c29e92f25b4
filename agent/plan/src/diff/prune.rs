//! What has left git: what to delete, in which order, and what to let go.

use std::{cmp::Reverse, collections::BTreeSet};

use krm::{Gvk, ObjectId};

use super::{
    Deletion, DropReason, Dropped, Held, HoldReason, Plan, PlanInput, PruneHold, Release,
    ReleaseReason,
};
use crate::{
    inventory::{Entry, Fate},
    live::{LiveFacts, LiveView},
    order::WaveKey,
};

/// When an object goes, among others: first by class, then against the order of applying.
type Turn = (Class, Reverse<WaveKey>);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Object,
    /// Its objects die with it, so they go before it.
    Definition,
    /// Everything in it dies with it.
    Namespace,
}

/// Adds deletions to the plan, or why there are none.
pub(super) fn prune(input: &PlanInput<'_>, plan: &mut Plan) {
    let left = left_git(input);
    if left.is_empty() {
        return;
    }
    plan.prune_hold = hold(input);
    match plan.prune_hold {
        None => sort_out(left, input.live, input.rules.environment, plan),
        // Handing over is not deleting, and what a rollout made was never asked for by git.
        Some(PruneHold::Disabled) => {
            let (temporary, left): (Vec<_>, Vec<_>) =
                left.into_iter().partition(|(_, entry)| entry.temporary);
            if input.complete && !input.desired.is_empty() {
                sort_out(temporary, input.live, input.rules.environment, plan);
            }
            for (id, entry) in left {
                let claim = input.live.claimed(id);
                if let Some((live, environment)) = input.live.get(id).zip(claim)
                    && is_here(live, input.rules.environment)
                {
                    let environment = environment.to_owned();
                    let reason = ReleaseReason::Claimed { environment };
                    plan.released.push(release(id, entry, live, reason));
                }
            }
        }
        Some(_) => {}
    }
}

/// Sorts entries whose objects have to go into what is deleted, let go and forgotten.
pub(super) fn sort_out(
    left: Vec<(&ObjectId, &Entry)>,
    live: &dyn LiveView,
    environment: &str,
    plan: &mut Plan,
) {
    let mut deletions = Vec::new();
    for (id, entry) in left {
        let found = live.get(id);
        if let Some(reason) = forget(entry, found, environment) {
            let id = id.clone();
            plan.dropped.push(Dropped { id, reason });
        } else if let Some((found, reason)) =
            found.and_then(|found| Some((found, let_go(entry, live.claimed(id))?)))
        {
            plan.released.push(release(id, entry, found, reason));
        } else if !live.synced(&gvk(id, entry)) {
            plan.held.push(unsynced(id));
        } else {
            deletions.push((turn(id, entry), deletion(id, entry, found)));
        }
    }
    deletions.sort_by(|(a, x), (b, y)| (a, &x.id).cmp(&(b, &y.id)));
    plan.prune = in_steps(deletions);
}

/// The entries of what git no longer asks for.
pub(super) fn left_git<'a>(input: &PlanInput<'a>) -> Vec<(&'a ObjectId, &'a Entry)> {
    let wanted: BTreeSet<&ObjectId> = input.desired.iter().map(|desired| &desired.id).collect();
    let entries = input.inventory.iter();
    // Jobs of hooks are in git under another name, and disturbances go whatever holds the rest up.
    let other = |entry: &Entry| entry.hook.is_some() || entry.disturbance;
    let left = |(id, entry): &(&ObjectId, &Entry)| !other(entry) && !wanted.contains(id);
    entries.filter(left).collect()
}

fn hold(input: &PlanInput<'_>) -> Option<PruneHold> {
    match input {
        _ if !input.rules.prune => Some(PruneHold::Disabled),
        _ if !input.complete => Some(PruneHold::Incomplete),
        _ if input.desired.is_empty() => Some(PruneHold::EmptyRender),
        _ => None,
    }
}

/// Why the entry is dropped without touching the object.
pub(super) fn forget(
    entry: &Entry,
    live: Option<&LiveFacts>,
    environment: &str,
) -> Option<DropReason> {
    let kept = entry.keep || entry.fate == Some(Fate::Release);
    let Some(live) = live else {
        return kept.then_some(DropReason::Kept);
    };
    match (&live.environment, &entry.uid) {
        (Some(other), _) if *other != *environment => Some(DropReason::Moved {
            environment: other.to_string(),
        }),
        (_, Some(uid)) if *uid != live.uid => Some(DropReason::Replaced),
        (None, None) if !entry.is_of(live) => Some(DropReason::NeverOurs),
        (None, _) if kept => Some(DropReason::Kept),
        _ => None,
    }
}

/// Why the object is let go instead of being deleted.
fn let_go(entry: &Entry, claimed: Option<&str>) -> Option<ReleaseReason> {
    let claimed = claimed.map(|environment| ReleaseReason::Claimed {
        environment: environment.to_owned(),
    });
    match &entry.fate {
        _ if entry.keep => Some(ReleaseReason::Kept),
        Some(Fate::Release) => claimed.or(Some(ReleaseReason::Decided)),
        _ => claimed,
    }
}

pub(super) fn release(
    id: &ObjectId,
    entry: &Entry,
    live: &LiveFacts,
    reason: ReleaseReason,
) -> Release {
    Release {
        id: id.clone(),
        version: entry.version.to_string(),
        uid: live.uid.to_string(),
        reason,
    }
}

fn is_here(live: &LiveFacts, environment: &str) -> bool {
    let label = live.environment.as_ref();
    label.is_some_and(|label| *label == *environment)
}

fn deletion(id: &ObjectId, entry: &Entry, live: Option<&LiveFacts>) -> Deletion {
    Deletion {
        id: id.clone(),
        version: entry.version.to_string(),
        uid: entry
            .uid
            .as_ref()
            .or_else(|| live.map(|live| &live.uid))
            .map(ToString::to_string),
        wave: entry.wave,
        deleting: live.is_some_and(|live| live.deleting),
        finalizers: live.map(|live| live.finalizers.clone()).unwrap_or_default(),
        waits: false,
        temporary: entry.temporary && id.group == "apps",
        step: 0,
    }
}

fn in_steps(sorted: Vec<(Turn, Deletion)>) -> Vec<Deletion> {
    let (mut last, mut step) = (None, 0);
    let mut numbered = Vec::with_capacity(sorted.len());
    for (turn, deletion) in sorted {
        step += u32::from(last.is_some_and(|last| last != turn));
        last = Some(turn);
        numbered.push(Deletion { step, ..deletion });
    }
    numbered
}

fn turn(id: &ObjectId, entry: &Entry) -> Turn {
    let class = match (id.group.as_str(), id.kind.as_str()) {
        ("", "Namespace") => Class::Namespace,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => Class::Definition,
        _ => Class::Object,
    };
    (class, Reverse(WaveKey::new(entry.wave, id)))
}

fn unsynced(id: &ObjectId) -> Held {
    Held {
        id: id.clone(),
        reason: HoldReason::Unsynced,
        message: "has left git; it is not deleted while objects of its kind cannot be watched"
            .to_owned(),
    }
}

fn gvk(id: &ObjectId, entry: &Entry) -> Gvk {
    Gvk {
        group: id.group.clone(),
        version: entry.version.to_string(),
        kind: id.kind.clone(),
    }
}
