//! What has left git: what to delete, in which order, and what to let go.

use std::{cmp::Reverse, collections::BTreeSet};

use krm::{Gvk, ObjectId};

use super::{Deletion, DropReason, Dropped, Held, HoldReason, Plan, PlanInput, PruneHold};
use crate::{inventory::Entry, live::LiveFacts, order::WaveKey};

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
    if plan.prune_hold.is_some() {
        return;
    }
    let mut deletions = Vec::new();
    for (id, entry) in left {
        let live = input.live.get(id);
        if let Some(reason) = let_go(entry, live, input.rules.environment) {
            let id = id.clone();
            plan.dropped.push(Dropped { id, reason });
        } else if !input.live.synced(&gvk(id, entry)) {
            plan.held.push(unsynced(id));
        } else {
            deletions.push((turn(id, entry), deletion(id, entry, live)));
        }
    }
    deletions.sort_by(|(a, x), (b, y)| (a, &x.id).cmp(&(b, &y.id)));
    plan.prune = in_steps(deletions);
}

/// The entries of what git no longer asks for.
pub(super) fn left_git<'a>(input: &PlanInput<'a>) -> Vec<(&'a ObjectId, &'a Entry)> {
    let wanted: BTreeSet<&ObjectId> = input.desired.iter().map(|desired| &desired.id).collect();
    let entries = input.inventory.iter();
    entries.filter(|(id, _)| !wanted.contains(id)).collect()
}

fn hold(input: &PlanInput<'_>) -> Option<PruneHold> {
    match input {
        _ if !input.rules.prune => Some(PruneHold::Disabled),
        _ if !input.complete => Some(PruneHold::Incomplete),
        _ if input.desired.is_empty() => Some(PruneHold::EmptyRender),
        _ => None,
    }
}

/// Why the object is not deleted although it has left git, and is forgotten.
fn let_go(entry: &Entry, live: Option<&LiveFacts>, environment: &str) -> Option<DropReason> {
    if entry.keep {
        return Some(DropReason::Kept);
    }
    let live = live?;
    match (&live.environment, &entry.uid) {
        (Some(other), _) if other != environment => Some(DropReason::Moved {
            environment: other.clone(),
        }),
        (_, Some(uid)) if *uid != live.uid => Some(DropReason::Replaced),
        (None, None) if !entry.is_of(live) => Some(DropReason::NeverOurs),
        _ => None,
    }
}

fn deletion(id: &ObjectId, entry: &Entry, live: Option<&LiveFacts>) -> Deletion {
    Deletion {
        id: id.clone(),
        version: entry.version.clone(),
        uid: entry
            .uid
            .clone()
            .or_else(|| live.map(|live| live.uid.clone())),
        deleting: live.is_some_and(|live| live.deleting),
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
        version: entry.version.clone(),
        kind: id.kind.clone(),
    }
}
