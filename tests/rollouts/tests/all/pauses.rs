//! The agent is killed in the middle of a pause: it ends when it would have ended.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use api::v1alpha1::EnvironmentStatus;
use e2e::{Agent, PATIENCE};
use jiff::Timestamp;
use lab::{audit::Mark, eventually};
use serde_json::json;

use crate::{
    canary::nobody_lost,
    show::{Show, Version, canary},
    sides::Two,
};

/// How long the pause is.
const PAUSE: i64 = 20;
/// How much later it may end: a new agent that comes in its last moment has to take its place first, and a number.
const LATE: i64 = 6;

/// Since when the pause of step `at` counts, as it is stored.
fn reached(status: &EnvironmentStatus, at: u64) -> Option<Timestamp> {
    let rollout = &status.rollout.as_ref()?.state["rollout"];
    let here = rollout["step"] == at;
    let reached = rollout["phase"]["reached"].as_str().filter(|_| here);
    reached?.parse().ok()
}

/// Kills the agent in the middle of the pause of step `at`, twice, and holds it to the time that it began with.
async fn is_not_counted_anew(
    show: &Show,
    at: u64,
    mut agent: Agent,
    again: impl Fn() -> Result<Agent>,
) -> Result<()> {
    let there = |status: &EnvironmentStatus| reached(status, at).is_some();
    let status = show.shop.status("the pause", there).await?;
    let began = reached(&status, at).context("no time")?;
    let mark = show.shop.mark()?;
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(4)).await; // sleeps because the pause is to be half over
        agent.process.kill();
        agent = again()?;
    }
    let on = |status: &EnvironmentStatus| {
        let rollout = status.rollout.as_ref();
        let step = rollout.and_then(|rollout| rollout.state["rollout"]["step"].as_u64());
        step.is_none_or(|step| step > at)
    };
    show.shop.status("the next step", on).await?;
    // What can be seen may not be in the audit log yet.
    let ended = eventually(PATIENCE, || async { next_step(show, mark, at) }).await?;
    let took = ended.duration_since(began).as_secs();
    ensure!(
        (PAUSE..=PAUSE + LATE).contains(&took),
        "the pause took {took} s"
    );
    Ok(())
}

/// When a step after `at` was first written.
fn next_step(show: &Show, mark: Mark, at: u64) -> Result<Timestamp> {
    let writes = show.changes(mark)?.of("environments");
    let mut writes = writes.iter().filter(|entry| {
        let body = entry.request.clone().unwrap_or_default();
        let step = &body["status"]["rollout"]["state"]["rollout"]["step"];
        step.as_u64().is_some_and(|step| step > at)
    });
    Ok(writes.next().context("no next step")?.received)
}

pub(crate) async fn beside_the_stable_version() -> Result<()> {
    let mut strategy = canary();
    strategy["steps"] = json!([
        { "weight": 10 }, { "pause": { "for": format!("{PAUSE}s") } }, { "weight": 100 },
    ]);
    let (show, agent) = Show::open("napping", strategy, &Version::good("v1")).await?;
    let agent = show.hasty(agent).await?;
    let load = show.users(100).await?;
    let commit = show.push(&Version::good("v2"))?;
    is_not_counted_anew(&show, 1, agent, || show.again()).await?;
    let _agent = show.again()?;
    show.shop.ready_at(&commit).await?;
    nobody_lost(&load.since(Duration::ZERO))
}

pub(crate) async fn in_another_namespace() -> Result<()> {
    let (two, agent) = Two::open("siesta", "1h", PAUSE).await?;
    let load = two.show.users(100).await?;
    let commit = two.show.push(&Version::good("v2"))?;
    is_not_counted_anew(&two.show, 1, agent, || two.agent()).await?;
    let _agent = two.agent()?;
    two.show.shop.ready_at(&commit).await?;
    nobody_lost(&load.since(Duration::ZERO))
}
