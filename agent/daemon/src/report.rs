//! One pass's outcome as status, release and events: a pure function, and the only one that words them.

use api::{
    Reason,
    conditions::{ConditionType, condition, find},
    v1alpha1::{
        CheckState, DriftStatus, EnvironmentStatus, ForeignStatus, Health, HookRecord, Phase,
        ReleaseStatus, RevisionStatus, StageName, StageRecord, StageResult,
    },
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::{
    checks::Turn,
    outcome::{HookState, OpenHooks, Outcome, Retry},
};

mod rollout;
mod verdict;

pub(crate) use verdict::{Judgement, failure_sentence};

/// How many drift entries a status keeps.
const DRIFT_ENTRIES: usize = 20;
/// How many failures a status or release shows.
const FAILURES: usize = 50;
/// How many objects that are on their way out a status shows.
const LEAVING: usize = 20;
/// How many hooks a release shows.
const HOOKS: usize = 50;
/// How many changes a release shows.
const CHANGES: usize = 200;

/// What is known before the outcome is added.
pub(crate) struct Before<'a> {
    /// The status as it was last written.
    pub(crate) status: &'a EnvironmentStatus,
    /// The generation of the spec that was acted on.
    pub(crate) generation: Option<i64>,
    /// The value of the request that was acted on.
    pub(crate) request: Option<&'a str>,
    /// The name of the release under way or last ended.
    pub(crate) release: Option<&'a str>,
}

/// An event to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// True for `Warning`, false for `Normal`.
    pub(crate) warning: bool,
    pub(crate) reason: Reason,
    pub(crate) message: String,
}

/// The status that `outcome` leads to.
pub(crate) fn status(outcome: &Outcome, before: &Before<'_>, now: Timestamp) -> EnvironmentStatus {
    let old = before.status;
    let judgement = Judgement::of(outcome);
    let head = outcome.head.as_ref().map(|head| head.revision.to_string());
    let finished = outcome.finished.map(|finished| finished.to_string());
    let applied = match outcome.is_applied() {
        true => head.clone(),
        false => finished,
    };
    let path = outcome.path.clone().filter(|_| applied.is_some());
    let path = path.or_else(|| old.revision.path.clone());
    let applied = applied.or_else(|| old.revision.applied.clone());
    let conditions = ConditionType::ALL
        .into_iter()
        .map(|kind| {
            let verdict = judgement.condition(kind, outcome);
            condition(kind, &verdict, before.generation, &old.conditions, now)
        })
        .collect();
    EnvironmentStatus {
        observed_generation: before.generation,
        revision: RevisionStatus {
            seen: head.or_else(|| old.revision.seen.clone()),
            applied,
            path,
        },
        release: before.release.map(str::to_owned),
        health: outcome
            .health
            .as_ref()
            .map(|health| health.worst)
            .or(old.health),
        objects: outcome.objects,
        drift: drift(outcome, &old.drift),
        foreign: foreign(outcome, &old.foreign),
        audit: old.audit.clone(),
        failures: outcome.failures.iter().take(FAILURES).cloned().collect(),
        pending: outcome.pending.clone(),
        leaving: outcome.leaving.iter().take(LEAVING).cloned().collect(),
        claims: match outcome.compared {
            true => outcome.claims.iter().map(plan::inventory::key).collect(),
            // Others rely on them, so they stand until somebody has looked.
            false => old.claims.clone(),
        },
        waiting: outcome.waiting.clone(),
        rollout: outcome
            .rollout
            .as_ref()
            .map(|told| told.status.clone())
            .or_else(|| old.rollout.clone()),
        checks: old.checks.clone(),
        handled_request: before.request.map(str::to_owned),
        conditions,
    }
}

/// The conditions that a rollout's next steps lead to, where it decides them, ahead of what is done about it.
pub(crate) fn ahead(
    outcome: &Outcome,
    before: &Before<'_>,
    now: Timestamp,
) -> Option<Vec<Condition>> {
    let told = outcome.rollout.as_ref()?;
    rollout::verdict(told)?;
    let judgement = Judgement::of(outcome);
    let old = &before.status.conditions;
    let kinds = ConditionType::ALL.into_iter();
    let all = kinds.filter_map(|kind| match kind {
        // Nobody has looked yet.
        ConditionType::Healthy | ConditionType::Drifted => find(old, kind).cloned(),
        _ => {
            let verdict = judgement.condition(kind, outcome);
            Some(condition(kind, &verdict, before.generation, old, now))
        }
    });
    Some(all.collect())
}

/// The release's status after `outcome`, which may come from one of several passes over it.
pub(crate) fn release(outcome: &Outcome, old: &ReleaseStatus, now: Timestamp) -> ReleaseStatus {
    let phase = phase(outcome);
    let mut changes = old.changes.clone();
    for change in &outcome.changes {
        if changes.len() < CHANGES && !changes.contains(change) {
            changes.push(change.clone());
        }
    }
    let (new, sum) = (outcome.counts(), old.counts);
    ReleaseStatus {
        phase: Some(phase),
        started_at: old.started_at.clone().or(Some(Time(now))),
        ended_at: has_ended(phase, outcome).then(|| ended(old, now)),
        stages: stages(&old.stages, outcome),
        counts: api::v1alpha1::Counts {
            created: sum.created + new.created,
            updated: sum.updated + new.updated,
            deleted: sum.deleted + new.deleted,
            unchanged: outcome.unchanged.saturating_sub(sum.created + sum.updated),
            failed: new.failed,
        },
        changes,
        hooks: hooks(&old.hooks, outcome),
        waiting_for: outcome
            .health
            .as_ref()
            .and_then(|health| health.waiting_for.clone()),
        failures: outcome.failures.iter().take(FAILURES).cloned().collect(),
        rollout: rollout::release(outcome, old.rollout.as_ref()),
    }
}

/// When a release ends that ends now. The clock may have been set back since it began.
pub(crate) fn ended(status: &ReleaseStatus, now: Timestamp) -> Time {
    let began = status.started_at.as_ref();
    Time(began.map_or(now, |began| now.max(began.0)))
}

/// A check that stands differently.
pub(crate) fn check(turn: &Turn) -> Event {
    let passes = turn.state == CheckState::Passing;
    let name = &turn.name;
    Event {
        warning: !passes,
        reason: match passes {
            true => Reason::CheckPassed,
            false => Reason::CheckFailed,
        },
        message: match turn.state {
            CheckState::Passing => format!("check {name} passes"),
            CheckState::Failing => format!("check {name} fails: {}", turn.message),
            CheckState::Unknown => format!("check {name} cannot be asked: {}", turn.message),
        },
    }
}

/// What to tell people, given what was told before.
pub(crate) fn events(outcome: &Outcome, old: &EnvironmentStatus) -> Vec<Event> {
    let judgement = Judgement::of(outcome);
    let mut events = Vec::new();
    for entry in &outcome.drift {
        use api::v1alpha1::DriftAction::{Removed, Repaired};
        let warning = !matches!(entry.action, Repaired | Removed);
        let reason = if warning {
            Reason::Drifted
        } else {
            Reason::DriftRepaired
        };
        events.push(Event {
            warning,
            reason,
            message: verdict::drift_sentence(entry),
        });
    }
    if let Some(overridden) = &outcome.overridden {
        events.push(Event {
            warning: true,
            reason: Reason::WindowOverridden,
            message: verdict::override_sentence(outcome, overridden),
        });
    }
    events.extend(rollout::events(outcome));
    let ready = api::conditions::find(&old.conditions, ConditionType::Ready);
    if let Some(warning) = rollout::warning(outcome)
        && judgement.ready.holds == Some(true)
        && !ready.is_some_and(|ready| ready.message.contains(warning))
    {
        events.push(Event {
            warning: true,
            reason: Reason::InvalidStrategy,
            message: warning.to_owned(),
        });
    }
    let told = ready.is_some_and(|ready| {
        ready.reason == judgement.ready.reason.as_str() && ready.message == judgement.ready.message
    });
    // How a rollout goes on is told by what was decided.
    let words = [Reason::WaitingForHealth, Reason::RollingOut];
    if !told && !words.contains(&judgement.ready.reason) {
        events.push(Event {
            warning: judgement.ready.holds != Some(true),
            reason: judgement.ready.reason,
            message: judgement.ready.message.clone(),
        });
    }
    for failure in outcome.failures.iter().take(FAILURES) {
        let event = Event {
            warning: true,
            reason: judgement.ready.reason,
            message: verdict::failure_sentence(failure),
        };
        if !old.failures.contains(failure) {
            events.push(event);
        }
    }
    events
}

fn drift(outcome: &Outcome, old: &DriftStatus) -> DriftStatus {
    let known = |entry: &&api::v1alpha1::DriftEntry| !outcome.drift.contains(entry);
    let entries = outcome.drift.iter().chain(old.entries.iter().filter(known));
    DriftStatus {
        count: outcome.drifted,
        entries: entries.take(DRIFT_ENTRIES).cloned().collect(),
    }
}

/// Where nobody has looked, what was told before stands.
fn foreign(outcome: &Outcome, old: &ForeignStatus) -> ForeignStatus {
    let Some(foreign) = &outcome.foreign else {
        return old.clone();
    };
    ForeignStatus {
        count: u32::try_from(foreign.len()).unwrap_or(u32::MAX),
        entries: foreign.iter().take(DRIFT_ENTRIES).cloned().collect(),
    }
}

/// What is known of each hook: a later word replaces an earlier one, but times and logs are told once.
fn hooks(old: &[HookRecord], outcome: &Outcome) -> Vec<HookRecord> {
    let mut all = old.to_vec();
    for record in &outcome.hooks {
        let Some(known) = all.iter_mut().find(|known| known.job == record.job) else {
            all.push(record.clone());
            continue;
        };
        let before = known.clone();
        *known = record.clone();
        if record.result == before.result {
            known.log = before.log;
            known.ended_at = before.ended_at;
        }
        // One that runs again begins anew.
        let again = record.started_at.is_some();
        known.started_at = match again {
            true => record.started_at.clone(),
            false => before.started_at,
        };
    }
    all.truncate(HOOKS);
    all
}

fn phase(outcome: &Outcome) -> Phase {
    if let Some(stop) = &outcome.stop {
        return match stop.retry {
            Retry::Now | Retry::At(_) => Phase::Progressing,
            Retry::Later | Retry::OnChange => Phase::Failed,
        };
    }
    if let Some(phase) = rollout::phase(outcome) {
        return phase;
    }
    let waits = outcome.waves_wait || outcome.hook.is_some();
    if !outcome.is_sound() || matches!(outcome.hook, Some(HookState::Failed { .. })) {
        return Phase::Failed;
    }
    match &outcome.health {
        Some(health) if health.overdue => Phase::Degraded,
        Some(health) => match health.worst {
            Health::Healthy | Health::Suspended if waits => Phase::Progressing,
            Health::Healthy | Health::Suspended => Phase::Healthy,
            Health::Degraded => Phase::Degraded,
            Health::Progressing | Health::Missing | Health::Unknown => Phase::Progressing,
        },
        None => Phase::Progressing,
    }
}

/// What may still get better by itself has not ended.
fn has_ended(phase: Phase, outcome: &Outcome) -> bool {
    match phase {
        Phase::Healthy => !rollout::is_baking(outcome),
        Phase::Superseded => true,
        Phase::Failed => {
            let stop = outcome.stop.as_ref();
            let told = outcome.open == OpenHooks::default();
            let held = rollout::is_held(outcome) && told;
            stop.is_some_and(|stop| stop.retry == Retry::OnChange) || held
        }
        Phase::Progressing | Phase::Degraded => false,
    }
}

/// The stages of all passes over one release: a later word on a stage replaces an earlier one, but a pass
/// that only watches health does not wipe out how long applying took.
fn stages(old: &[StageRecord], outcome: &Outcome) -> Vec<StageRecord> {
    let mut all = old.to_vec();
    for record in &outcome.stages {
        let known = all.iter_mut().find(|known| known.stage == record.stage);
        match known {
            Some(known) if is_repeat(known, record) => {}
            Some(known) => *known = record.clone(),
            None => all.push(record.clone()),
        }
    }
    all.sort_by_key(|record| order(record.stage));
    all
}

fn is_repeat(known: &StageRecord, record: &StageRecord) -> bool {
    known.result == StageResult::Done && record.result == StageResult::Done
}

const fn order(stage: StageName) -> u8 {
    stage as u8
}
