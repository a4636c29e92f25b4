//! Writes what the report says: release, status, events. Only what differs from what was written before.

use std::time::SystemTime;

use api::v1alpha1::{
    AuditStatus, Environment, EnvironmentStatus, Phase, ReleaseStatus, RolloutStatus,
};
use jiff::Timestamp;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{
    checks,
    context::Context,
    journey,
    key::EnvironmentKey,
    outcome::{Outcome, Retry},
    releases,
    report::{self, Before},
    state::State,
    traces::About,
};

/// Tells `outcome`. True if anything was written.
pub(crate) async fn publish(
    context: &Context,
    key: &EnvironmentKey,
    environment: &Environment,
    state: &mut State,
    outcome: &Outcome,
) -> bool {
    if !context.fence.holds() {
        return false;
    }
    let now = Timestamp::now();
    state.owing.some = false;
    let release = match state.owing.may_wait(outcome) {
        true => {
            state.owing.take(outcome);
            false
        }
        false => write_release(context, key, state, outcome, now).await,
    };
    if outcome
        .stop
        .as_ref()
        .is_some_and(|stop| stop.retry == Retry::Now)
    {
        // The next pass follows at once, and what this one left half done is no state to report.
        return release;
    }
    let annotations = environment.metadata.annotations.as_ref();
    let request = annotations.and_then(|all| all.get(api::names::REQUESTED_AT));
    let name = state.release.as_ref().map(|release| release.name.clone());
    let name = name.or_else(|| state.status.release.clone());
    let before = Before {
        status: &state.status,
        generation: state.generation,
        request: request.map(String::as_str),
        release: name.as_deref(),
    };
    let status = report::status(outcome, &before, now);
    let events = report::events(outcome, &state.status);
    let waits = status != state.status && state.owing.are_words(&state.status, &status);
    state.owing.some |= waits;
    let news = status != state.status && !waits;
    let wrote = news && write_status(context, key, &state.status, &status).await;
    for event in &events {
        context.events.publish(environment, event);
    }
    if wrote {
        state.status = status;
    }
    wrote || release
}

async fn write_release(
    context: &Context,
    key: &EnvironmentKey,
    state: &mut State,
    outcome: &Outcome,
    now: Timestamp,
) -> bool {
    let Some(release) = state.release.as_mut().filter(|one| !one.has_ended()) else {
        state.told();
        return false;
    };
    let Some(outcome) = outcome.of(&release.revision) else {
        return false;
    };
    let outcome = state.owing.with(outcome);
    let status = report::release(&outcome, &release.status, now);
    if alike(&status, &release.status) {
        state.told();
        return false;
    }
    let client = context.cluster.client();
    match releases::write(client, &key.namespace, &release.name, &status).await {
        Ok(()) => {
            let ended = status.phase.filter(|_| status.ended_at.is_some());
            release.status = status;
            state.told();
            if let Some(phase) = ended {
                conclude(context, key, state, phase);
            }
            true
        }
        Err(error) => {
            tracing::warn!(environment = %key, release = release.name, %error, "could not write the release");
            false
        }
    }
}

/// Writes where a rollout stands, and the conditions that follow, ahead of what is done about it.
pub(crate) async fn write_rollout(
    context: &Context,
    key: &EnvironmentKey,
    state: &mut State,
    outcome: &Outcome,
    rollout: &RolloutStatus,
) -> Result<(), kube::Error> {
    let before = Before {
        status: &state.status,
        generation: state.generation,
        request: None,
        release: None,
    };
    let conditions = report::ahead(outcome, &before, Timestamp::now());
    let mut status = json!({ "rollout": rollout_patch(state.status.rollout.as_ref(), rollout) });
    if let Some(conditions) = &conditions {
        status["conditions"] = json!(conditions);
    }
    let api: Api<Environment> = Api::namespaced(context.cluster.client(), &key.namespace);
    let patch = Patch::Merge(json!({ "status": status }));
    api.patch_status(&key.name, &PatchParams::default(), &patch)
        .await?;
    state.owing.ahead = true;
    state.status.rollout = Some(rollout.clone());
    state.status.conditions = conditions.unwrap_or(std::mem::take(&mut state.status.conditions));
    Ok(())
}

fn rollout_patch(old: Option<&RolloutStatus>, new: &RolloutStatus) -> Value {
    let value = |status: &RolloutStatus| serde_json::to_value(status).unwrap_or_default();
    merge_patch(&old.map(value).unwrap_or_default(), &value(new))
}

/// The merge patch (RFC 7396) that makes `new` of `old`: what is gone is said as null.
fn merge_patch(old: &Value, new: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return new.clone();
    };
    let mut patch = serde_json::Map::new();
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in new {
        match old.get(key) {
            Some(same) if same == value => {}
            Some(before) => {
                patch.insert(key.clone(), merge_patch(before, value));
            }
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(patch)
}

/// Counts a release that has ended, and sends its trace.
fn conclude(context: &Context, key: &EnvironmentKey, state: &mut State, phase: Phase) {
    let now = SystemTime::now();
    let took = state.journey.as_ref().map(|journey| journey.took(now));
    context.metrics.release(phase, took);
    if let (Some(mut journey), Some(release)) = (state.journey.clone(), &state.release) {
        journey.waited(phase, now);
        let about = About {
            namespace: &key.namespace,
            environment: &key.name,
            release: &release.name,
            phase: journey::ending(phase),
            went_well: phase == Phase::Healthy,
        };
        context.traces.send(&journey, &about, now);
    }
}

/// Ends a release that a newer one takes the place of.
pub(crate) async fn supersede(context: &Context, key: &EnvironmentKey, state: &mut State) {
    state.owing.changes.clear();
    let Some(release) = state
        .release
        .as_ref()
        .filter(|release| !release.has_ended())
    else {
        state.release = None;
        return;
    };
    let phase = match release.status.phase {
        Some(Phase::Failed) => Phase::Failed,
        Some(Phase::Degraded) => Phase::Degraded,
        _ => Phase::Superseded,
    };
    let ended_at = Some(report::ended(&release.status, Timestamp::now()));
    let status = ReleaseStatus {
        phase: Some(phase),
        ended_at,
        waiting_for: None,
        ..release.status.clone()
    };
    let client = context.cluster.client();
    if let Err(error) = releases::write(client, &key.namespace, &release.name, &status).await {
        tracing::warn!(environment = %key, release = release.name, %error, "could not end the release");
    }
    conclude(context, key, state, phase);
    state.release = None;
}

/// True if nothing differs but the moment of an end that was told before.
fn alike(new: &ReleaseStatus, old: &ReleaseStatus) -> bool {
    let timeless = |status: &ReleaseStatus| {
        let mut status = status.clone();
        for stage in &mut status.stages {
            stage.milliseconds = None;
        }
        (status.ended_at.take().is_some(), status)
    };
    timeless(new) == timeless(old)
}

async fn write_status(
    context: &Context,
    key: &EnvironmentKey,
    old: &EnvironmentStatus,
    status: &EnvironmentStatus,
) -> bool {
    let api: Api<Environment> = Api::namespaced(context.cluster.client(), &key.namespace);
    let rollout = status.rollout.as_ref();
    let rollout = rollout.map(|rollout| rollout_patch(old.rollout.as_ref(), rollout));
    let mut status = serde_json::to_value(status).unwrap_or_default();
    status["rollout"] = rollout.unwrap_or_default();
    // A merge patch keeps what it does not mention, so what is gone is said as null.
    for field in [
        "release",
        "health",
        "foreign",
        "audit",
        "failures",
        "pending",
        "leaving",
        "claims",
        "waiting",
        "handledRequest",
        "conditions",
        "checks",
    ] {
        if status.get(field).is_none() {
            status[field] = Value::Null;
        }
    }
    for (parent, field) in [
        ("revision", "seen"),
        ("revision", "applied"),
        ("drift", "entries"),
        ("foreign", "entries"),
    ] {
        if status[parent].get(field).is_none() && !status[parent].is_null() {
            status[parent][field] = Value::Null;
        }
    }
    let patch = Patch::Merge(json!({ "status": status }));
    match api
        .patch_status(&key.name, &PatchParams::default(), &patch)
        .await
    {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(environment = %key, %error, "could not write the status");
            false
        }
    }
}

/// Tells which HTTP checks stand differently. False if that failed and is to be tried again.
pub(crate) async fn checks(
    context: &Context,
    key: &EnvironmentKey,
    environment: &Environment,
    state: &mut State,
) -> bool {
    let turns = state.checks.turns().to_vec();
    let spec = &environment.spec.checks;
    let all = checks::after(&state.status.checks, &turns, spec);
    if all == state.status.checks {
        state.checks.told();
        return true;
    }
    let mut status = state.status.clone();
    status.checks = all;
    if !context.fence.holds() || !write_status(context, key, &state.status, &status).await {
        return false;
    }
    state.status = status;
    state.checks.told();
    for turn in turns
        .iter()
        .filter(|turn| spec.iter().any(|check| check.name == turn.name))
    {
        context.events.publish(environment, &report::check(turn));
    }
    true
}

/// Tells what an audit that somebody asked for has found.
pub(crate) async fn audit(
    context: &Context,
    key: &EnvironmentKey,
    state: &mut State,
    audit: AuditStatus,
) {
    if !context.fence.holds() {
        return;
    }
    let mut status = state.status.clone();
    status.audit = Some(audit);
    if write_status(context, key, &state.status, &status).await {
        state.status = status;
    }
}
