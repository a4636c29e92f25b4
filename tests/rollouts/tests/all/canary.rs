//! A canary by traffic: a good one goes all the way, a bad one goes back.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use api::v1alpha1::RolloutPhase;

use crate::show::{Show, Version, canary};

pub(crate) async fn a_good_one_reaches_everybody_without_a_lost_request() -> Result<()> {
    let (show, _agent) = Show::open("good", canary(), &Version::good("v1")).await?;
    let load = show.users(300).await?;
    let commit = show.push(&Version::good("v2"))?;
    show.phase(RolloutPhase::Stepping).await?;
    show.shop.ready_at(&commit).await?;
    show.share(&load, "v2", 100).await?;
    let failed = load.since(Duration::ZERO).failed();
    ensure!(
        failed.count() == 0,
        "{} failed; the first: {:?}",
        failed.count(),
        failed.0.first()
    );
    Ok(())
}

pub(crate) async fn one_that_fails_is_held_and_the_good_one_serves() -> Result<()> {
    let (show, _agent) = Show::open("bad", canary(), &Version::good("v1")).await?;
    let load = show.users(300).await?;
    let bad = show.push(&Version::good("v2").with("FAIL_PERCENT", "30"))?;
    let status = show.phase(RolloutPhase::Held).await?;
    let held = status
        .rollout
        .and_then(|rollout| rollout.held)
        .context("nothing is held")?;
    ensure!(
        held.revision == bad && held.reason == "AnalysisFailed",
        "{held:?}"
    );
    ensure!(
        held.decision
            .is_some_and(|decision| decision.number > Some(0.02)),
        "no number"
    );
    show.share(&load, "v1", 100).await?;
    let samples = load.since(Duration::ZERO);
    let exposed = samples.by_version().get("v2").copied().unwrap_or(0);
    // A tenth for a few seconds of detection, of 300 requests a second.
    ensure!(
        exposed > 0 && exposed * 100 < samples.count() * 10,
        "{exposed} of {}",
        samples.count()
    );
    // The fix is a newer commit.
    let fixed = show.push(&Version::good("v3"))?;
    show.shop.ready_at(&fixed).await?;
    show.share(&load, "v3", 100).await
}
