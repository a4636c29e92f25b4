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
    (state.owing.some, state.owing.failed) = (false, false);
    end_superseded(context, key, state).await;
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
    let told = state.owing.with_drift(outcome);
    let status = report::status(&told, &before, now);
    state.request.clone_from(&status.handled_request);
    let events = report::events(outcome, &state.status);
    let differs = status != state.status || state.owing.unsure;
    let waits = differs && state.owing.are_words(&state.status, &status);
    state.owing.some |= waits;
    let news = differs && !waits;
    let wrote = news && write_status(context, key, state, status).await;
    for event in &events {
        context.events.publish(environment, event);
    }
    match news && !wrote {
        true => state.owing.drift = told.into_owned().drift,
        false => state.owing.drift.clear(),
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
    let outcome = outcome.of(&release.revision);
    let tells = outcome.is_some();
    let status = match outcome {
        Some(outcome) => report::release(&state.owing.with(outcome), &release.status, now),
        None if release.unwritten => release.status.clone(),
        None => return false,
    };
    if !release.unwritten && alike(&status, &release.status) {
        state.told();
        return false;
    }
    let client = context.cluster.client();
    let written = releases::write(client, &key.namespace, &release.name, &status).await;
    let ended = status.phase.filter(|_| status.ended_at.is_some());
    // Also what was not written: the next try tells all of it.
    release.status = status;
    release.unwritten = written.is_err();
    if tells {
        state.owing.changes.clear();
    }
    match written {
        Ok(()) => {
            if tells {
                state.told();
            }
            if let Some(phase) = ended {
                conclude(context, key, state, phase);
            }
            true
        }
        Err(error) => {
            tracing::warn!(environment = %key, release = release.name, %error, "could not write the release");
            state.owing.failed = true;
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
    let written = state.status.rollout.as_ref();
    let mut status = json!({ "rollout": state.stored.patch(written, Some(rollout)) });
    if let Some(conditions) = &conditions {
        status["conditions"] = json!(conditions);
    }
    let api: Api<Environment> = Api::namespaced(context.cluster.client(), &key.namespace);
    let patch = Patch::Merge(json!({ "status": status }));
    let params = PatchParams::default();
    if let Err(error) = api.patch_status(&key.name, &params, &patch).await {
        state.stored.doubt(written, Some(rollout));
        state.owing.unsure = true;
        return Err(error);
    }
    state.stored.settle();
    state.owing.ahead = true;
    state.status.rollout = Some(rollout.clone());
    state.status.conditions = conditions.unwrap_or(std::mem::take(&mut state.status.conditions));
    Ok(())
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
        Some(phase) if release.status.ended_at.is_some() => phase,
        Some(Phase::Failed) => Phase::Failed,
        Some(Phase::Degraded) => Phase::Degraded,
        _ => Phase::Superseded,
    };
    let ended_at = release.status.ended_at.clone();
    let ended_at = ended_at.or_else(|| Some(report::ended(&release.status, Timestamp::now())));
    let status = ReleaseStatus {
        phase: Some(phase),
        ended_at,
        waiting_for: None,
        ..release.status.clone()
    };
    state.owing.ended.push((release.name.clone(), status));
    end_superseded(context, key, state).await;
    conclude(context, key, state, phase);
    state.release = None;
}

/// Writes the ends of Releases that a newer one took the place of. What cannot be written now is tried again.
async fn end_superseded(context: &Context, key: &EnvironmentKey, state: &mut State) {
    for (name, status) in std::mem::take(&mut state.owing.ended) {
        let client = context.cluster.client();
        match releases::write(client, &key.namespace, &name, &status).await {
            Ok(()) => {}
            // Only so many are kept.
            Err(kube::Error::Api(answer)) if answer.code == 404 => {}
            Err(error) => {
                tracing::warn!(environment = %key, release = name, %error, "could not end the release");
                state.owing.ended.push((name, status));
                state.owing.failed = true;
            }
        }
    }
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
    state: &mut State,
    mut new: EnvironmentStatus,
) -> bool {
    if let Some(audit) = &state.owing.audit {
        new.audit = Some(audit.clone());
    }
    let api: Api<Environment> = Api::namespaced(context.cluster.client(), &key.namespace);
    let old = state.status.rollout.as_ref();
    let mut status = serde_json::to_value(&new).unwrap_or_default();
    status["rollout"] = state.stored.patch(old, new.rollout.as_ref());
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
        Ok(_) => {
            state.stored.settle();
            (state.owing.audit, state.owing.unsure) = (None, false);
            state.status = new;
            true
        }
        Err(error) => {
            tracing::warn!(environment = %key, %error, "could not write the status");
            // It may be stored all the same.
            state.stored.doubt(old, new.rollout.as_ref());
            (state.owing.failed, state.owing.unsure) = (true, true);
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
    if !context.fence.holds() || !write_status(context, key, state, status).await {
        return false;
    }
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
    state.owing.audit = Some(audit);
    let status = state.status.clone();
    write_status(context, key, state, status).await;
}
