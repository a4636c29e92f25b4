//! New versions that are bad in other ways: slow, crashing, never ready.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{
    canary::nobody_lost,
    show::{Show, Version},
};

pub(crate) async fn a_slow_one_is_held_by_its_latency() -> Result<()> {
    let strategy = json!({
        "steps": [{ "weight": 10 }, { "pause": { "for": "30s" } }, { "weight": 100 }],
        "analysis": {
            "interval": "1s", "patience": "60s",
            "metrics": [{
                "name": "latency-p99", "minSamples": 20,
                "compare": { "ratio": 1.25, "margin": 0.05 },
                "from": { "template": { "measure": "latencyP99", "by": "traefik", "window": "5s" } },
            }],
        },
    });
    let (show, _agent) = Show::open("slow", strategy, &Version::good("v1")).await?;
    let load = show.users(100).await?;
    let mark = show.shop.mark()?;
    let slow = show.push(&Version::good("v2").with("LATENCY_MS", "1500"))?;
    let held = show.held(&slow).await?;
    let decision = held.decision.as_ref();
    ensure!(
        held.reason == "AnalysisFailed"
            && decision.is_some_and(|decision| decision.number > Some(1.0)),
        "{held:?}"
    );
    show.share(&load, "v1", 100).await?;
    nobody_lost(&load.since(Duration::ZERO))?;
    let weights = show.weights(mark)?;
    ensure!(weights == [10, 0], "{weights:?}");
    show.note("slow p99", &load, ("v2", mark)).await
}

pub(crate) async fn one_that_crashes_after_half_is_taken_back_at_once() -> Result<()> {
    // No number is asked for: that its pods crash is enough.
    let strategy = json!({
        "steps": [
            { "weight": 10 }, { "pause": { "for": "1s" } },
            { "weight": 50 }, { "pause": {} }, { "weight": 100 },
        ],
    });
    let (show, _agent) = Show::open("crash", strategy, &Version::good("v1")).await?;
    let few = show.stage.load(&show.host, 20).await?;
    let mark = show.shop.mark()?;
    let crashing = show.push(&Version::good("v2").with("CRASH_AFTER", "300"))?;
    show.weighs(50).await?;
    show.share(&few, "v2", 30).await?;
    let load = show.users(200).await?;
    let held = show.held(&crashing).await?;
    ensure!(
        held.reason == "CanaryCrashing" && held.message.contains("CrashLoopBackOff"),
        "{held:?}"
    );
    show.share(&load, "v1", 100).await?;
    let weights = show.weights(mark)?;
    ensure!(weights == [10, 50, 0], "{weights:?}");
    let from = load.now();
    show.share(&load, "v1", 100).await?;
    nobody_lost(&load.since(from))?;
    show.note("crash after 50 %", &load, ("v2", mark)).await
}

pub(crate) async fn one_that_is_never_ready_serves_nobody() -> Result<()> {
    let strategy = json!({
        "steps": [{ "weight": 10 }, { "weight": 100 }],
        "progressDeadline": "5s",
    });
    let (show, _agent) = Show::open("never", strategy, &Version::good("v1")).await?;
    let load = show.users(100).await?;
    let mark = show.shop.mark()?;
    let never = show.push(&Version::good("v2").with("READY", "never"))?;
    let held = show.held(&never).await?;
    ensure!(
        held.reason == "CanaryNotReady" && held.message.contains("0 of 1 pods"),
        "{held:?}"
    );
    let samples = load.since(Duration::ZERO);
    nobody_lost(&samples)?;
    ensure!(!samples.by_version().contains_key("v2"));
    // Neither the pods that serve nor the way to them were touched.
    let changes = show.changes(mark)?;
    let touched = |resource| !changes.of(resource).named("web").is_empty();
    ensure!(
        !touched("deployments") && !touched("httproutes") && !touched("configmaps"),
        "{}",
        changes.summary()
    );
    show.note("never ready", &load, ("v2", mark)).await
}
