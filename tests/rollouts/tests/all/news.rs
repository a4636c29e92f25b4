//! What git says while a canary is on its way.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use api::v1alpha1::{EnvironmentStatus, Phase, Release, RolloutPhase};
use serde_json::{Value, json};

use crate::{
    canary::nobody_lost,
    show::{Show, Version, canary},
};

/// A strategy that stops at a tenth.
fn stops() -> Value {
    json!({ "steps": [{ "weight": 10 }, { "pause": {} }, { "weight": 100 }] })
}

pub(crate) async fn a_newer_commit_takes_the_place_of_the_canary() -> Result<()> {
    let (show, _agent) = Show::open("newer", stops(), &Version::good("v1")).await?;
    let load = show.users(100).await?;
    let mark = show.shop.mark()?;
    show.push(&Version::good("v2"))?;
    show.share(&load, "v2", 5).await?;
    // A rollout keeps to the strategy that it began with; the next one takes this.
    show.strategy(canary()).await?;
    let newest = show.push(&Version::good("v3"))?;
    let status = show.shop.ready_at(&newest).await?;
    show.share(&load, "v3", 100).await?;
    let samples = load.since(Duration::ZERO);
    nobody_lost(&samples)?;
    let state = status.rollout.context("no rollout")?.state;
    ensure!(state["rejected"].is_null(), "{state}");
    let weights = show.weights(mark)?;
    ensure!(weights == [10, 0, 10, 50, 100, 0], "{weights:?}");
    never_two_canaries(&show, mark)?;
    let phases = phases(&show).await?;
    ensure!(
        phases == [Phase::Healthy, Phase::Superseded, Phase::Healthy].map(Some),
        "{phases:?}"
    );
    show.note("newer commit in mid-canary", &load, ("v2", mark))
        .await
}

/// The canary of the one was deleted before that of the other was made.
fn never_two_canaries(show: &Show, mark: lab::audit::Mark) -> Result<()> {
    let canaries = show.changes(mark)?.of("deployments").named("web-canary");
    let ways: Vec<_> = canaries
        .iter()
        .filter_map(|entry| match (entry.verb.as_str(), entry.code) {
            ("delete", _) => Some("deleted"),
            (_, 201) => Some("made"),
            _ => None,
        })
        .collect();
    ensure!(
        ways == ["made", "deleted", "made", "deleted"],
        "{}",
        canaries.summary()
    );
    Ok(())
}

async fn phases(show: &Show) -> Result<Vec<Option<Phase>>> {
    let releases = show.shop.releases().await?;
    let phase = |release: &Release| release.status.as_ref().and_then(|status| status.phase);
    Ok(releases.iter().map(phase).collect())
}

pub(crate) async fn a_revert_ends_it_without_blame() -> Result<()> {
    let (show, _agent) = Show::open("revert", stops(), &Version::good("v1")).await?;
    let load = show.users(100).await?;
    let mark = show.shop.mark()?;
    show.push(&Version::good("v2"))?;
    show.share(&load, "v2", 5).await?;
    let back = show.push(&Version::good("v1"))?;
    let status = show.shop.ready_at(&back).await?;
    show.share(&load, "v1", 100).await?;
    nobody_lost(&load.since(Duration::ZERO))?;
    let rollout = status.rollout.context("no rollout")?;
    ensure!(
        rollout.phase == RolloutPhase::Settled && rollout.state["rejected"].is_null(),
        "{rollout:?}"
    );
    let weights = show.weights(mark)?;
    ensure!(weights == [10, 0], "{weights:?}");
    let phases = phases(&show).await?;
    ensure!(
        phases == [Phase::Healthy, Phase::Superseded, Phase::Healthy].map(Some),
        "{phases:?}"
    );
    show.note("revert in mid-canary", &load, ("v2", mark))
        .await?;
    // The same again is welcome: nobody blamed it.
    show.strategy(canary()).await?;
    let again = show.push(&Version::good("v2"))?;
    show.shop.ready_at(&again).await?;
    show.share(&load, "v2", 100).await
}

pub(crate) async fn a_commit_in_the_bake_time_goes_step_by_step() -> Result<()> {
    let mut baking = canary();
    baking["bake"] = json!("60s");
    let (show, _agent) = Show::open("bake", baking, &Version::good("v1")).await?;
    let load = show.users(100).await?;
    show.push(&Version::good("v2"))?;
    show.shop.phase(RolloutPhase::Baking).await?;
    let mark = show.shop.mark()?;
    let bad = show.push(&Version::good("v3").with("FAIL_PERCENT", "30"))?;
    let held = show.held(&bad).await?;
    ensure!(held.reason == "AnalysisFailed", "{held:?}");
    let weights = show.weights(mark)?;
    ensure!(weights == [10, 0], "{weights:?}");
    let good = |status: &EnvironmentStatus| status.rollout.as_ref()?.good.clone();
    let status = show.shop.phase(RolloutPhase::Held).await?;
    ensure!(good(&status).as_deref() != Some(bad.as_str()));
    show.share(&load, "v2", 100).await?;
    let exposed = load.since(Duration::ZERO).by_version();
    ensure!(exposed.get("v3").copied().unwrap_or(0) > 0, "{exposed:?}");
    Ok(())
}
