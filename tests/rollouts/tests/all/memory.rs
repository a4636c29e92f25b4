//! A rejected revision stays out, whatever happens to the agent, until somebody says otherwise.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use api::v1alpha1::{EnvironmentStatus, RolloutPhase};
use e2e::PATIENCE;
use lab::eventually;
use serde_json::json;

use crate::show::{Show, Version, canary};

pub(crate) async fn a_rejected_revision_stays_out_until_a_retry() -> Result<()> {
    let (show, agent) = Show::open("held", canary(), &Version::good("v1")).await?;
    let load = show.users(100).await?;
    let bad = show.push(&Version::good("v2").with("FAIL_PERCENT", "30"))?;
    show.held(&bad).await?;
    show.share(&load, "v1", 100).await?;
    agent.process.kill();
    drop(agent);
    let mark = show.shop.mark()?;
    // While nobody looks, somebody edits what serves.
    let path = show.path("apps/v1", "deployments/web");
    let theirs = json!({ "spec": { "replicas": 3 } });
    show.api.patch(&path, &theirs).await?;
    let _agent = show.agent()?;
    replicas(&show, 4).await?;
    // And again while it looks.
    show.api.patch(&path, &theirs).await?;
    replicas(&show, 4).await?;
    show.held(&bad).await?;
    let changes = show.changes(mark)?;
    let canaries = changes.only(|entry| entry.name.ends_with("-canary"));
    ensure!(canaries.is_empty(), "{}", canaries.summary());
    let live = show.api.get(&path).await?;
    let image = &live["spec"]["template"]["spec"]["containers"][0]["image"];
    ensure!(*image == "registry.example/lab/app:v1", "{image}");
    ensure!(show.weights(mark)?.iter().all(|weight| *weight == 0));
    // The second chance, which it does not deserve.
    show.command("retry").await?;
    let again = |status: &EnvironmentStatus| {
        let rollout = status.rollout.as_ref();
        rollout.is_some_and(|rollout| {
            rollout.phase == RolloutPhase::Held && rollout.state["rejected"][0]["number"] == 2
        })
    };
    let status = show.shop.status("rejected a second time", again).await?;
    let held = status.rollout.and_then(|rollout| rollout.held);
    ensure!(held.context("not held")?.revision == bad);
    let weights = show.weights(mark)?;
    ensure!(weights.ends_with(&[10, 0]), "{weights:?}");
    show.share(&load, "v1", 100).await?;
    let exposed = load.since(Duration::ZERO).by_version();
    ensure!(exposed.get("v2").copied().unwrap_or(0) > 0, "{exposed:?}");
    Ok(())
}

async fn replicas(show: &Show, number: u32) -> Result<()> {
    let path = show.path("apps/v1", "deployments/web");
    eventually(PATIENCE, || async {
        let live = show.api.get(&path).await?;
        match live["spec"]["replicas"] == number {
            true => Ok(()),
            false => Err(anyhow!("{}", live["spec"]["replicas"])),
        }
    })
    .await?;
    Ok(())
}
