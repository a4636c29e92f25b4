//! An API server that does not answer the agent for a while: users are served as they were, nothing is decided on what
//! was seen before, and it goes on from there.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, ensure};
use e2e::{Agent, AgentOptions};
use lab::{Relay, audit::Entry};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    canary::nobody_lost,
    show::{Show, Version, canary},
};

/// How long nothing comes through: longer than the pause of the step, and than three numbers take to count as missing.
const AWAY: Duration = Duration::from_secs(25);

/// A way to the API server for one agent, that can be cut.
async fn relay(show: &Show) -> Result<(Relay, PathBuf, TempDir)> {
    let plane = show.stage.world.control_plane;
    let (_, address) = plane.url().split_once("://").context("no scheme")?;
    let address: SocketAddr = address.trim_end_matches('/').parse()?;
    let relay = Relay::start(address).await?;
    let text = std::fs::read_to_string(&show.stage.world.agent_kubeconfig)?;
    let here = address.to_string();
    ensure!(text.contains(&here), "the kubeconfig does not name {here}");
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, text.replace(&here, &relay.address().to_string()))?;
    Ok((relay, path, folder))
}

/// A canary that is watched at 10 %, by an agent whose way to the API server is the one that is given.
async fn at_ten_percent(name: &str) -> Result<(Show, Agent, Relay, TempDir)> {
    let mut strategy = canary();
    strategy["steps"] = json!([
        { "weight": 10 }, { "pause": { "for": "15s" } },
        { "weight": 50 }, { "pause": { "for": "2s" } }, { "weight": 100 },
    ]);
    let (show, agent) = Show::open(name, strategy, &Version::good("v1")).await?;
    agent.process.terminate();
    agent.process.wait(Duration::from_secs(30)).await?;
    let (relay, kubeconfig, folder) = relay(&show).await?;
    let agent = Agent::start(
        show.stage.world,
        AgentOptions {
            kubeconfig: Some(kubeconfig),
            ..show.options()
        },
    )?;
    Ok((show, agent, relay, folder))
}

pub(crate) async fn a_good_one_waits_and_goes_on() -> Result<()> {
    let (show, _agent, relay, _folder) = at_ten_percent("cut-off").await?;
    let load = show.users(100).await?;
    let mark = show.shop.mark()?;
    let commit = show.push(&Version::good("v2"))?;
    show.weighs(10).await?;
    show.share(&load, "v2", 4).await?;
    relay.cut();
    tokio::time::sleep(Duration::from_secs(1)).await; // sleeps because what is on its way is still written down
    let gone = show.shop.mark()?;
    tokio::time::sleep(AWAY).await; // sleeps because nothing is to happen meanwhile
    let meanwhile = show.changes(gone)?;
    ensure!(meanwhile.is_empty(), "{}", meanwhile.summary());
    let served = load.since(load.now().saturating_sub(Duration::from_secs(5)));
    ensure!(served.by_version().contains_key("v2"), "nobody is on it");
    relay.mend();
    show.shop.ready_at(&commit).await?;
    show.share(&load, "v2", 100).await?;
    nobody_lost(&load.since(Duration::ZERO))?;
    let weights = show.weights(mark)?;
    ensure!(weights == [10, 50, 100, 0], "{weights:?}");
    show.note("API server away for 25 s", &load, ("v2", mark))
        .await
}

pub(crate) async fn a_bad_one_goes_back_before_anybody_is_added() -> Result<()> {
    let (show, _agent, relay, _folder) = at_ten_percent("cut-bad").await?;
    let load = show.users(100).await?;
    let mark = show.shop.mark()?;
    let bad = show.push(&Version::good("v2").with("FAIL_PERCENT", "30"))?;
    // Before there are numbers enough to end it.
    show.weighs(10).await?;
    relay.cut();
    tokio::time::sleep(AWAY).await; // sleeps because it is to be bad while nobody can do anything about it
    relay.mend();
    let back = show.shop.mark()?;
    let held = show.held(&bad).await?;
    ensure!(held.reason == "AnalysisFailed", "{held:?}");
    show.share(&load, "v1", 100).await?;
    let weights = show.weights(mark)?;
    ensure!(weights == [10, 0], "{weights:?}");
    let by_agent = |entry: &Entry| entry.resource == "httproutes";
    ensure!(!show.changes(back)?.only(by_agent).is_empty());
    Ok(())
}
