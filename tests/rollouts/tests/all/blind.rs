//! Numbers that stop coming: nobody is added, and then everybody goes back or somebody is waited for, as the strategy says.

use std::time::Duration;

use anyhow::{Result, ensure};
use lab::Prometheus;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    canary::nobody_lost,
    show::{Show, Version},
    stage::Stage,
};

/// A Prometheus that may be hurt.
async fn prometheus() -> Result<(Prometheus, TempDir)> {
    let folder = tempfile::tempdir()?;
    let targets = [("gateway", Stage::shared().await?.gateway.metrics())];
    let prometheus = Prometheus::start(folder.path(), &targets).await?;
    Ok((prometheus, folder))
}

fn strategy(on_missing: &str) -> Value {
    json!({
        "steps": [
            { "weight": 10 }, { "pause": { "for": "1s" } },
            { "weight": 50 }, { "pause": { "for": "8s" } }, { "weight": 100 },
        ],
        "analysis": {
            "interval": "1s", "patience": "30s", "onMissing": on_missing,
            "metrics": [{
                "name": "error-rate", "max": 0.02, "minSamples": 5,
                "from": { "template": { "measure": "errorRate", "by": "traefik", "window": "10s" } },
            }],
        },
    })
}

pub(crate) async fn without_numbers_nothing_passes_and_patience_ends() -> Result<()> {
    let (prometheus, _folder) = prometheus().await?;
    let first = Version::good("v1");
    let url = prometheus.url();
    let (show, _agent) = Show::open_asking("blind", strategy("abort"), &first, url).await?;
    let load = show.users(100).await?;
    let mark = show.shop.mark()?;
    let commit = show.push(&Version::good("v2"))?;
    show.weighs(50).await?;
    prometheus.process.kill();
    let held = show.held(&commit).await?;
    ensure!(held.reason == "AnalysisMissing", "{held:?}");
    show.share(&load, "v1", 100).await?;
    let weights = show.weights(mark)?;
    ensure!(weights == [10, 50, 0], "{weights:?}");
    nobody_lost(&load.since(Duration::ZERO))?;
    show.note("metrics down, aborts", &load, ("v2", mark)).await
}

pub(crate) async fn a_prometheus_that_freezes_is_waited_for() -> Result<()> {
    let (prometheus, _folder) = prometheus().await?;
    let first = Version::good("v1");
    let url = prometheus.url();
    let (show, _agent) = Show::open_asking("frozen", strategy("hold"), &first, url).await?;
    let load = show.users(100).await?;
    let mark = show.shop.mark()?;
    let commit = show.push(&Version::good("v2"))?;
    show.weighs(50).await?;
    prometheus.process.pause();
    // Longer than the pause of the step and the patience together.
    tokio::time::sleep(Duration::from_secs(40)).await; // sleeps because nothing is to happen meanwhile
    let weights = show.weights(mark)?;
    ensure!(weights == [10, 50], "{weights:?}");
    prometheus.process.resume();
    show.shop.ready_at(&commit).await?;
    show.share(&load, "v2", 100).await?;
    nobody_lost(&load.since(Duration::ZERO))?;
    show.note("metrics frozen, holds", &load, ("v2", mark))
        .await
}
