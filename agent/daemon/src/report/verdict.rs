//! What the conditions say, and the sentences people read.

use api::{
    Reason,
    conditions::{ConditionType, Verdict},
    v1alpha1::{DriftAction, DriftEntry, Failure, Health, WindowOverride},
};

use crate::outcome::{HookState, Outcome, Retry, Stop, Wellbeing};

/// The one judgement that all conditions follow from.
pub(crate) struct Judgement {
    /// Whether the newest revision is applied and healthy.
    pub(crate) ready: Verdict,
    /// Whether somebody has to act first.
    stalled: bool,
}

impl Judgement {
    /// Judges `outcome`.
    pub(crate) fn of(outcome: &Outcome) -> Self {
        if let Some(stop) = &outcome.stop {
            return Self::stopped(stop);
        }
        if let Some(pending) = &outcome.pending {
            return Self::not_ready(Reason::ApprovalNeeded, pending.message.clone(), true);
        }
        if !outcome.failures.is_empty() {
            return Self::failed(outcome);
        }
        if outcome.deletions_wait {
            let why = "waiting until the other environments of the repo have looked at the same commit, before anything is deleted";
            return Self::not_ready(Reason::Progressing, at(outcome, why), false);
        }
        if let Some(verdict) = outcome
            .hook
            .as_ref()
            .and_then(|hook| Self::hook(outcome, hook))
        {
            return verdict;
        }
        let rollout = outcome.rollout.as_ref().and_then(super::rollout::verdict);
        if let Some((reason, message, stalled)) = rollout {
            return Self::not_ready(reason, message, stalled);
        }
        match &outcome.health {
            Some(health) => Self::applied(outcome, health),
            None => Self::not_ready(Reason::Progressing, at(outcome, "being applied"), false),
        }
    }

    /// The condition `kind`.
    pub(super) fn condition(&self, kind: ConditionType, outcome: &Outcome) -> Verdict {
        let ready = &self.ready;
        let holds = match kind {
            ConditionType::Ready => ready.holds,
            ConditionType::Reconciling => Some(ready.holds != Some(true) && !self.stalled),
            ConditionType::Stalled => Some(self.stalled),
            ConditionType::Healthy => return healthy(outcome),
            ConditionType::Drifted => return drifted(outcome),
        };
        Verdict {
            holds,
            reason: ready.reason,
            message: ready.message.clone(),
        }
    }

    /// What a hook has to say, if it is its turn.
    fn hook(outcome: &Outcome, hook: &HookState) -> Option<Self> {
        let healthy = |health: &Wellbeing| health.worst <= Health::Suspended;
        let fine = outcome.health.as_ref().is_none_or(healthy);
        let (reason, text) = match hook {
            // Then the revision is rejected, which is told instead.
            HookState::Failed { before: true, .. } if super::rollout::is_on_its_way(outcome) => {
                return None;
            }
            HookState::Failed { job, before, why } => {
                let then = match before {
                    true => "what comes after it is not applied",
                    false => "the new version is applied",
                };
                let text = format!(
                    "hook {job} failed: {why}; {then}; its log is in the Release (`driftless history`), `driftless sync` runs it again"
                );
                (Reason::HookFailed, text)
            }
            HookState::Running { job, why } => (Reason::HookRunning, format!("hook {job}: {why}")),
            HookState::Coming if !fine => return None,
            HookState::Coming => (Reason::HookRunning, "hooks are about to run".to_owned()),
        };
        let stalled = reason == Reason::HookFailed;
        Some(Self::not_ready(reason, at(outcome, &text), stalled))
    }

    fn stopped(stop: &Stop) -> Self {
        let stalled = stop.retry == Retry::OnChange;
        Self::not_ready(stop.reason, stop.message.clone(), stalled)
    }

    fn failed(outcome: &Outcome) -> Self {
        let first = outcome
            .failures
            .first()
            .map(failure_sentence)
            .unwrap_or_default();
        let waits = held_back(outcome);
        let message = match outcome.failures.len() {
            1 => at(outcome, &format!("{first}{waits}")),
            many => at(
                outcome,
                &format!("{many} objects failed; the first: {first}{waits}"),
            ),
        };
        let reason = match outcome.failures.len() {
            all if all == outcome.undeleted => Reason::PruneFailed,
            all if all == outcome.claims.len() => Reason::NotOwned,
            _ => Reason::ApplyFailed,
        };
        Self::not_ready(reason, message, false)
    }

    fn applied(outcome: &Outcome, health: &Wellbeing) -> Self {
        let why = health.waiting_for.as_ref().map_or_else(
            || "waiting for health".to_owned(),
            |waiting| {
                format!(
                    "{} is {}: {}",
                    waiting.object,
                    waiting.health.as_str(),
                    waiting.message
                )
            },
        );
        match health.worst {
            Health::Healthy | Health::Suspended => Self {
                ready: Verdict {
                    holds: Some(true),
                    reason: Reason::InSync,
                    message: at(
                        outcome,
                        &format!(
                            "{} objects in sync and healthy{}{}",
                            outcome.objects - leaving(outcome),
                            still_there(outcome),
                            super::rollout::warning(outcome)
                                .map_or_else(String::new, |told| format!("; {told}")),
                        ),
                    ),
                },
                stalled: false,
            },
            Health::Degraded => Self::not_ready(Reason::Degraded, at(outcome, &why), false),
            _ if health.overdue => Self::not_ready(Reason::HealthTimeout, at(outcome, &why), false),
            _ => Self::not_ready(Reason::WaitingForHealth, at(outcome, &why), false),
        }
    }

    fn not_ready(reason: Reason, message: String, stalled: bool) -> Self {
        Self {
            ready: Verdict {
                holds: Some(false),
                reason,
                message,
            },
            stalled,
        }
    }
}

/// `; Deployment/shop/web and 3 more are not applied before that is`; empty if nothing waits.
fn held_back(outcome: &Outcome) -> String {
    match outcome.held_back.as_slice() {
        [] => String::new(),
        [only] => format!("; {only} is not applied before that is"),
        [first, rest @ ..] => {
            let more = rest.len();
            format!("; {first} and {more} more are not applied before that is")
        }
    }
}

/// `web: spec.replicas was changed by kubectl at …; put back`
pub(super) fn drift_sentence(entry: &DriftEntry) -> String {
    let who = entry.manager.as_deref().unwrap_or("somebody");
    let what = match &entry.field {
        Some(field) if entry.action == DriftAction::Removed => {
            format!("{}: {field} was added by {who}", entry.object)
        }
        Some(field) => format!("{}: {field} was changed by {who}", entry.object),
        None => format!("{} was deleted", entry.object),
    };
    let when = entry
        .time
        .as_ref()
        .map(|time| format!(" at {}", time.0))
        .unwrap_or_default();
    let then = match entry.action {
        DriftAction::Repaired => "put back to what git says",
        DriftAction::Removed => "taken out, because git does not mention it",
        DriftAction::Reported => "left as it is, because spec.drift is report",
        DriftAction::Failed => "could not be put back",
    };
    format!("{what}{when}; {then}")
}

/// `Deployment/shop/web (manifests/web.yaml:12): spec.replicas must be …`
pub(crate) fn failure_sentence(failure: &Failure) -> String {
    match (&failure.object, &failure.at) {
        (Some(object), Some(at)) => format!("{object} ({at}): {}", failure.message),
        (Some(object), None) => format!("{object}: {}", failure.message),
        (None, Some(at)) => format!("{at}: {}", failure.message),
        (None, None) => failure.message.clone(),
    }
}

/// `revision 4f2c1aa: applied outside of its windows, by jane: the shop is down`
pub(super) fn override_sentence(outcome: &Outcome, overridden: &WindowOverride) -> String {
    let WindowOverride { by, reason } = overridden;
    at(
        outcome,
        &format!("applied outside of its windows, by {by}: {reason}"),
    )
}

fn healthy(outcome: &Outcome) -> Verdict {
    let Some(health) = &outcome.health else {
        let message = "nothing was judged in this state".to_owned();
        return Verdict {
            holds: None,
            reason: Reason::Progressing,
            message,
        };
    };
    let (holds, reason) = match health.worst {
        Health::Healthy | Health::Suspended => (true, Reason::InSync),
        Health::Degraded => (false, Reason::Degraded),
        _ if health.overdue => (false, Reason::HealthTimeout),
        _ => (false, Reason::WaitingForHealth),
    };
    let message = health.waiting_for.as_ref().map_or_else(
        || format!("{} objects are healthy", outcome.objects),
        |waiting| format!("{}: {}", waiting.object, waiting.message),
    );
    Verdict {
        holds: Some(holds),
        reason,
        message,
    }
}

fn drifted(outcome: &Outcome) -> Verdict {
    if outcome.stop.is_some() && outcome.health.is_none() {
        let message = "nothing was compared".to_owned();
        return Verdict {
            holds: None,
            reason: Reason::Progressing,
            message,
        };
    }
    let (holds, reason, message) = match outcome.drifted {
        0 => (false, Reason::InSync, "the cluster equals git".to_owned()),
        1 => (
            true,
            Reason::Drifted,
            "1 object differs from git".to_owned(),
        ),
        many => (
            true,
            Reason::Drifted,
            format!("{many} objects differ from git"),
        ),
    };
    Verdict {
        holds: Some(holds),
        reason,
        message,
    }
}

fn leaving(outcome: &Outcome) -> u32 {
    let leaving = u32::try_from(outcome.leaving.len()).unwrap_or(u32::MAX);
    leaving.min(outcome.objects)
}

/// What is on its way out, as the end of a sentence.
fn still_there(outcome: &Outcome) -> String {
    match outcome.leaving.as_slice() {
        [] => String::new(),
        [one] => format!("; {} is not gone yet: {}", one.object, one.message),
        [first, ..] => format!(
            "; {} deleted objects are not gone yet, among them {}: {}",
            outcome.leaving.len(),
            first.object,
            first.message
        ),
    }
}

/// `text`, with the revision it speaks of in front.
fn at(outcome: &Outcome, text: &str) -> String {
    match &outcome.head {
        Some(head) => format!("revision {}: {text}", head.revision.short()),
        None => text.to_owned(),
    }
}
