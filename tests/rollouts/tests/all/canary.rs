//! A canary by traffic: a good one goes all the way, a bad one goes back.

use std::time::Duration;

use anyhow::{Result, ensure};
use lab::load::Samples;

use crate::show::{Show, Version, canary};

pub(crate) async fn a_good_one_reaches_everybody_without_a_lost_request() -> Result<()> {
    let (show, _agent) = Show::open("good", canary(), &Version::good("v1")).await?;
    let load = show.users(300).await?;
    let mark = show.shop.mark()?;
    let commit = show.push(&Version::good("v2"))?;
    show.shop.ready_at(&commit).await?;
    show.share(&load, "v2", 100).await?;
    nobody_lost(&load.since(Duration::ZERO))?;
    let weights = show.weights(mark)?;
    ensure!(weights == [10, 50, 100, 0], "{weights:?}");
    show.note("good canary", &load, ("v2", mark)).await
}

pub(crate) async fn one_that_fails_is_held_and_the_good_one_serves() -> Result<()> {
    let (show, _agent) = Show::open("bad", canary(), &Version::good("v1")).await?;
    let load = show.users(300).await?;
    let mark = show.shop.mark()?;
    let bad = show.push(&Version::good("v2").with("FAIL_PERCENT", "10"))?;
    let held = show.held(&bad).await?;
    ensure!(held.reason == "AnalysisFailed", "{held:?}");
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
        exposed > 0 && exposed * 100 < samples.count() * 11,
        "{exposed} of {}",
        samples.count()
    );
    let weights = show.weights(mark)?;
    ensure!(weights == [10, 0], "{weights:?}");
    show.note("5xx in 10 % of the answers", &load, ("v2", mark))
        .await?;
    // The fix is a newer commit.
    let fixed = show.push(&Version::good("v3"))?;
    show.shop.ready_at(&fixed).await?;
    show.share(&load, "v3", 100).await
}

/// No request went unanswered or failed.
pub(crate) fn nobody_lost(samples: &Samples) -> Result<()> {
    let failed = samples.failed();
    ensure!(
        failed.count() == 0,
        "{} of {} failed; the first: {:?}",
        failed.count(),
        samples.count(),
        failed.0.first()
    );
    Ok(())
}
