//! What a rollout costs: nothing while it waits for somebody, little while it is watched, a few writes for each step.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lab::audit::Entries;
use serde_json::json;

use crate::{
    figures,
    show::{Show, Version, canary},
};

/// How long nothing is to happen.
const QUIET: Duration = Duration::from_secs(8);
/// What may wait for other words is written every other second.
const OWED: Duration = Duration::from_secs(3);
/// Two looks make a step that needs more pods: for them, and for the share. Each writes the state, does it, and notes it
/// in the inventory; and one event tells of the share. What the Release tells is not counted, nor is a status that tells
/// of pods on their way: how often that is depends on how long they take.
const WRITES_PER_STEP: usize = 7;
/// One look makes a step that has its pods.
const WRITES_WITHOUT_PODS: usize = 5;

pub(crate) async fn a_pause_costs_nothing() -> Result<()> {
    let strategy = json!({ "steps": [{ "weight": 10 }, { "pause": {} }, { "weight": 100 }] });
    let (show, _agent) = Show::open("pause", strategy, &Version::good("v1")).await?;
    let load = show.users(100).await?;
    let commit = show.push(&Version::good("v2"))?;
    show.share(&load, "v2", 5).await?;
    let quiet = show.shop.settled().await?;
    tokio::time::sleep(QUIET).await; // sleeps because nothing is to happen meanwhile
    let work = show.shop.requests(quiet)?.work();
    ensure!(work.is_empty(), "{}", work.summary());
    figures::say(format!(
        "a pause: {} requests in {} s",
        work.len(),
        QUIET.as_secs()
    ));
    show.command("promote").await?;
    show.shop.ready_at(&commit).await?;
    Ok(())
}

/// How often good numbers are told, in seconds.
const TOLD: usize = 5;
/// Both versions of the workload, and its route.
const READS: usize = 3;

/// A pause in which a number is asked for every second. Each is held against the workload in both versions and the
/// route, which are not read again while nothing has happened to them, and is kept in the Release with those after it.
pub(crate) async fn a_watched_pause_costs_a_write_for_a_few_numbers() -> Result<()> {
    let mut strategy = canary();
    strategy["steps"] = json!([{ "weight": 10 }, { "pause": {} }, { "weight": 100 }]);
    let (show, _agent) = Show::open("watched", strategy, &Version::good("v1")).await?;
    let load = show.users(100).await?;
    show.push(&Version::good("v2"))?;
    show.shop.rollout_says(&["promote"]).await?;
    show.share(&load, "v2", 5).await?;
    tokio::time::sleep(OWED).await; // sleeps because words about the step may still be on their way
    let mark = show.shop.mark()?;
    tokio::time::sleep(QUIET).await; // sleeps because what happens in this time is counted
    let work = show.shop.requests(mark)?.work();
    let (writes, all) = (work.writes().len(), work.len());
    let seconds = usize::try_from(QUIET.as_secs())?;
    // Read now and then all the same, since a watch may be dead without a word.
    ensure!(
        (1..=seconds / TOLD + 1).contains(&writes) && all - writes <= 2 * READS,
        "{writes} writes of {all} requests: {}",
        work.summary()
    );
    figures::say(format!(
        "a pause watched every second: {all} requests in {seconds} s, of which {writes} writes"
    ));
    Ok(())
}

pub(crate) async fn a_step_costs_a_few_writes() -> Result<()> {
    let strategy = json!({ "steps": [{ "weight": 10 }, { "weight": 25 }, { "weight": 50 }, { "weight": 100 }] });
    let (show, _agent) = Show::open("steps", strategy, &Version::good("v1")).await?;
    let mark = show.shop.mark()?;
    let commit = show.push(&Version::good("v2"))?;
    show.shop.ready_at(&commit).await?;
    let changes = show.changes(mark)?;
    let weights = show.weights(mark)?;
    ensure!(weights == [10, 25, 50, 100, 0], "{weights:?}");
    let routes = changes.of("httproutes").len();
    ensure!(routes == weights.len(), "{routes} writes of the route");
    let steps = each_step(&changes);
    let (first, later) = steps.split_first().context("no steps")?;
    // Pods for 10 % carry 25 % as well.
    ensure!(
        later.len() == 3
            && later[0] <= WRITES_WITHOUT_PODS
            && later.iter().all(|writes| *writes <= WRITES_PER_STEP),
        "{later:?}\n{}",
        changes.summary()
    );
    figures::say(format!(
        "writes of a step: the first {first}, which makes the copies, then {later:?}"
    ));
    let kinds = [
        "environments",
        "releases",
        "inventories",
        "events",
        "httproutes",
        "deployments",
        "services",
    ];
    let counts = kinds.map(|kind| format!("{kind} {}", changes.of(kind).len()));
    figures::say(format!(
        "4 steps and the promotion: {} writes: {}",
        changes.len(),
        counts.join(", ")
    ));
    Ok(())
}

/// What was written for each step: from its first word in the state to that of what comes after it.
fn each_step(changes: &Entries) -> Vec<usize> {
    let mut steps: Vec<usize> = Vec::new();
    let mut up = false;
    for entry in changes.iter() {
        let body = entry.request.clone().unwrap_or_default();
        let state = &body["status"]["rollout"]["state"]["rollout"];
        up |= state["phase"]["is"] == "promoting";
        if up {
            break;
        }
        if state["step"].is_u64() {
            steps.push(0);
        }
        // Words that come when pods have taken their time are no part of what is done.
        let is_word = ["environments", "releases"].contains(&&*entry.resource);
        if let (Some(step), false) = (steps.last_mut(), is_word && !state.is_object()) {
            *step += 1;
        }
    }
    steps
}
