//! What is to be done about one object that git asks for.

use super::{Action, AdoptRule, DriftRule, HoldReason, PlanInput};
use crate::{
    desired::{ApplyMode, Desired},
    inventory::{Entry, Fate},
    live::LiveFacts,
};

/// What is to be done.
pub(super) enum Verdict {
    Unchanged,
    Frozen,
    /// It differs, and that is only to be told.
    Drifted {
        deleted: bool,
    },
    Held(HoldReason, String),
    Change {
        action: Action,
        force: bool,
        /// Set if somebody changed it; true if they deleted it.
        drift: Option<bool>,
    },
}

/// Whose a live object is.
enum Owner {
    /// The inventory holds it, or it carries our label.
    Us,
    Nobody,
    /// Nobody's, and made by us once: an Environment has let it go.
    Released,
    Environment(String),
    Tool(String),
}

/// Judges one object.
pub(super) fn judge(desired: &Desired, input: &PlanInput<'_>) -> Verdict {
    let entry = input.inventory.get(&desired.id);
    if desired.apply == ApplyMode::Never {
        return Verdict::Frozen;
    }
    let Some(live) = input.live.get(&desired.id) else {
        return absent(desired, entry, input.rules.drift);
    };
    if desired.apply == ApplyMode::Once && !live.deleting {
        // Whoever made it: it is there, and that is all that was asked for.
        return Verdict::Frozen;
    }
    match owner(live, entry, input.rules.environment) {
        Owner::Environment(other) => held_by_environment(&other),
        _ if live.deleting => Verdict::Held(
            HoldReason::Deleting,
            "is being deleted; it is made anew once it is gone".to_owned(),
        ),
        Owner::Us => ours(desired, live, entry, input.rules.drift),
        Owner::Tool(tool) if !desired.adopt => Verdict::Held(
            HoldReason::OtherTool,
            format!("exists and is managed by {tool}; {ADOPT_HINT}"),
        ),
        Owner::Nobody if !desired.adopt && input.rules.adopt == AdoptRule::Never => Verdict::Held(
            HoldReason::NotOwned,
            format!("exists and was not made from git; {ADOPT_HINT}"),
        ),
        Owner::Released | Owner::Nobody | Owner::Tool(_) => change(Action::Adopt, None),
    }
}

const ADOPT_HINT: &str = "to take it over, write driftless.dev/adopt: allowed on it in git";

fn owner(live: &LiveFacts, entry: Option<&Entry>, environment: &str) -> Owner {
    match (&live.environment, &live.other_tool) {
        (Some(label), _) if *label != *environment => Owner::Environment(label.to_string()),
        (Some(_), _) => Owner::Us,
        // The label was taken off by hand, but it is the object that was made.
        (None, _) if entry.is_some_and(|entry| !is_let_go(entry) && entry.is_of(live)) => Owner::Us,
        (None, Some(tool)) => Owner::Tool(tool.clone()),
        (None, None) if live.owned.is_some() => Owner::Released,
        (None, None) => Owner::Nobody,
    }
}

/// True if it was decided that it is let go. Without our label that is done, whether or not somebody lived to note it.
fn is_let_go(entry: &Entry) -> bool {
    entry.fate == Some(Fate::Release)
}

fn held_by_environment(other: &str) -> Verdict {
    let message = format!(
        "belongs to environment {other}; it is taken over by itself once that lets it go: remove it there, or give it another name here"
    );
    Verdict::Held(HoldReason::OtherEnvironment, message)
}

fn absent(desired: &Desired, entry: Option<&Entry>, rule: DriftRule) -> Verdict {
    // Whoever makes it in the meantime must not be overruled.
    let force = false;
    match (is_applied(desired, entry), rule) {
        (false, _) => Verdict::Change {
            action: Action::Create,
            force,
            drift: None,
        },
        (true, DriftRule::Report) => Verdict::Drifted { deleted: true },
        (true, DriftRule::Repair) => Verdict::Change {
            action: Action::Restore,
            force,
            drift: Some(true),
        },
    }
}

fn ours(desired: &Desired, live: &LiveFacts, entry: Option<&Entry>, rule: DriftRule) -> Verdict {
    let applied = is_applied(desired, entry);
    let recorded = is_recorded(live, entry);
    let untouched =
        recorded && live.owned.is_some() && entry.is_some_and(|e| e.owned == live.owned);
    let known = entry.is_some_and(|entry| entry.uid.is_some());
    match entry {
        // It carries our label and we know nothing of it: an inventory was lost.
        None => change(Action::Adopt, None),
        Some(_) if applied && untouched => Verdict::Unchanged,
        Some(_) if applied && rule == DriftRule::Report => Verdict::Drifted { deleted: !recorded },
        Some(_) if known && !recorded => change(Action::Restore, Some(true)),
        Some(_) if applied => change(Action::Repair, Some(false)),
        Some(_) => change(Action::Update, (known && !untouched).then_some(false)),
    }
}

fn change(action: Action, drift: Option<bool>) -> Verdict {
    Verdict::Change {
        action,
        force: true,
        drift,
    }
}

fn is_applied(desired: &Desired, entry: Option<&Entry>) -> bool {
    let applied = entry.and_then(|entry| entry.applied.as_ref());
    applied.is_some_and(|applied| *applied == desired.digest)
}

fn is_recorded(live: &LiveFacts, entry: Option<&Entry>) -> bool {
    entry.is_some_and(|entry| entry.uid.as_ref() == Some(&live.uid))
}
