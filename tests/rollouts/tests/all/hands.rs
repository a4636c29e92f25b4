//! Other hands: people who edit a route, and an autoscaler.

use std::{ops::RangeInclusive, time::Duration};

use anyhow::{Result, anyhow, ensure};
use api::v1alpha1::{DriftAction, EnvironmentStatus, RolloutPhase};
use e2e::PATIENCE;
use lab::{audit::Entries, eventually};
use serde_json::{Value, json};

use crate::{
    canary::nobody_lost,
    show::{Show, Version},
};

const ROUTE: (&str, &str) = ("gateway.networking.k8s.io/v1", "httproutes/web");

pub(crate) async fn a_route_edited_by_hand_is_put_back_and_told() -> Result<()> {
    let strategy = json!({ "steps": [{ "weight": 10 }, { "pause": {} }, { "weight": 100 }] });
    let (show, _agent) = Show::open("edited", strategy, &Version::good("v1")).await?;
    let load = show.users(100).await?;
    show.push(&Version::good("v2"))?;
    show.share(&load, "v2", 5).await?;
    let path = show.path(ROUTE.0, ROUTE.1);
    let mut route = show.api.get(&path).await?;
    for (backend, weight) in [(0, 20), (1, 80)] {
        route["spec"]["rules"][0]["backendRefs"][backend]["weight"] = weight.into();
    }
    let theirs = json!({ "spec": { "rules": route["spec"]["rules"] } });
    show.api.patch(&path, &theirs).await?;
    let told = |status: &EnvironmentStatus| {
        let mut entries = status.drift.entries.iter();
        entries.any(|entry| {
            entry.object.contains("HTTPRoute") && entry.action == DriftAction::Repaired
        })
    };
    show.shop.status("the route is told of", told).await?;
    weights_are(&show, [90, 10]).await?;
    // It is gone for a moment, and comes back as it was.
    show.api.delete(&path).await?;
    weights_are(&show, [90, 10]).await?;
    // The rollout goes on as if nothing had been.
    let commit = show.shop.status("", |_| true).await?.revision.seen;
    show.command("promote").await?;
    show.shop
        .ready_at(&commit.ok_or_else(|| anyhow!("nothing is seen"))?)
        .await?;
    show.share(&load, "v2", 100).await
}

async fn weights_are(show: &Show, wanted: [u64; 2]) -> Result<()> {
    let path = show.path(ROUTE.0, ROUTE.1);
    eventually(PATIENCE, || async {
        let route = show.api.get(&path).await?;
        let backends = &route["spec"]["rules"][0]["backendRefs"];
        let weights = [0, 1].map(|at| backends[at]["weight"].as_u64());
        match weights == wanted.map(Some) {
            true => Ok(()),
            false => Err(anyhow!("{backends}")),
        }
    })
    .await?;
    Ok(())
}

fn autoscaler() -> Value {
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": { "name": "web" },
        "spec": {
            "minReplicas": 2, "maxReplicas": 8,
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
            "metrics": [{ "type": "Resource", "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 60 } } }],
        },
    })
}

fn scaled(name: &'static str) -> Version {
    Version {
        replicas: None,
        ..Version::good(name).and(autoscaler())
    }
}

/// The real autoscaler keeps to its bounds; within them it is played, since nothing here has a load that it could see.
pub(crate) async fn an_autoscaler_is_not_fought_and_takes_no_pods_that_are_needed() -> Result<()> {
    let strategy = json!({
        "steps": [{ "weight": 50 }, { "pause": {} }, { "weight": 100 }, { "pause": { "for": "2s" } }],
    });
    let (show, _agent) = Show::open("scaled", strategy, &scaled("v1")).await?;
    scale(&show, 6).await?;
    pods(&show, "web", 6).await?;
    let load = show.users(100).await?;
    let mark = show.shop.mark()?;
    let commit = show.push(&scaled("v2"))?;
    show.share(&load, "v2", 35).await?;
    // Half of the users take half of the pods.
    pods(&show, "web-canary", 3).await?;
    least(&show, "web", 6).await?;
    // More load: the canary grows with it.
    scale(&show, 8).await?;
    pods(&show, "web-canary", 4).await?;
    least(&show, "web", 8).await?;
    // Idle, as the stable pods are while others do their work: they are never fewer than when it began.
    scale(&show, 3).await?;
    settles(&show, "web", 6..=8).await?;
    show.command("promote").await?;
    // Never healthy, as its autoscaler has no numbers here; what was there for the rollout goes nevertheless.
    is_promoted(&show, &commit).await?;
    show.share(&load, "v2", 100).await?;
    least(&show, "web", 2).await?;
    show.is_gone("apps/v1", "deployments/web-canary").await?;
    let samples = load.since(Duration::ZERO);
    nobody_lost(&samples)?;
    let web = show.changes(mark)?.of("deployments").named("web");
    nobody_counts(&web)?;
    show.note("an autoscaler acts", &load, ("v2", mark)).await
}

/// For the time of the step the number is the disturbance's, and the autoscaler of the canary carries it out; then it is
/// the autoscaler's again.
pub(crate) async fn chaos_scales_a_canary_that_has_an_autoscaler_and_gives_it_back() -> Result<()> {
    let strategy = json!({
        "steps": [
            { "weight": 50 }, { "chaos": { "for": "16s", "scale": 1 } }, { "pause": {} },
            { "weight": 100 }, { "pause": { "for": "2s" } },
        ],
    });
    let (show, _agent) = Show::open("squeezed", strategy, &scaled("v1")).await?;
    scale(&show, 4).await?;
    pods(&show, "web", 4).await?;
    let load = show.users(100).await?;
    let mark = show.shop.mark()?;
    let commit = show.push(&scaled("v2"))?;
    bounds(&show, "web-canary", [1, 1]).await?;
    pods(&show, "web-canary", 1).await?;
    // One pod of the four that everybody needs carries no more.
    show.weighs(25).await?;
    bounds(&show, "web", [4, 8]).await?;
    bounds(&show, "web-canary", [2, 8]).await?;
    pods(&show, "web-canary", 2).await?;
    let waits = |status: &EnvironmentStatus| {
        let rollout = status.rollout.as_ref();
        rollout.is_some_and(|one| one.weight == Some(50) && one.message.contains("promote"))
    };
    show.shop.status("the pause", waits).await?;
    show.command("promote").await?;
    is_promoted(&show, &commit).await?;
    show.share(&load, "v2", 100).await?;
    nobody_lost(&load.since(Duration::ZERO))?;
    // Neither of the two numbers was ever written by anybody but an autoscaler.
    nobody_counts(&show.changes(mark)?.of("deployments"))?;
    show.note("chaos scales beside an autoscaler", &load, ("v2", mark))
        .await
}

/// Waits until `commit` is the good revision, and nothing is on its way.
async fn is_promoted(show: &Show, commit: &str) -> Result<()> {
    let over = |status: &EnvironmentStatus| {
        let rollout = status.rollout.as_ref();
        rollout.is_some_and(|rollout| {
            rollout.phase == RolloutPhase::Settled && rollout.good.as_deref() == Some(commit)
        })
    };
    show.shop.status("promoted", over).await?;
    Ok(())
}

/// None of these writes says how many pods there are to be.
fn nobody_counts(writes: &Entries) -> Result<()> {
    let counted = writes.only(|entry| {
        let asked = entry.request.as_ref();
        asked.is_some_and(|asked| !asked["spec"]["replicas"].is_null())
    });
    ensure!(counted.is_empty(), "{}", counted.summary());
    Ok(())
}

/// Waits until an autoscaler has these bounds.
async fn bounds(show: &Show, name: &str, wanted: [u64; 2]) -> Result<()> {
    let path = show.path(
        "autoscaling/v2",
        &format!("horizontalpodautoscalers/{name}"),
    );
    eventually(PATIENCE, || async {
        let live = show.api.get(&path).await?;
        let bounds = ["minReplicas", "maxReplicas"].map(|one| live["spec"][one].as_u64());
        match bounds == wanted.map(Some) {
            true => Ok(()),
            false => Err(anyhow!("{name} has {bounds:?}, not {wanted:?}")),
        }
    })
    .await?;
    Ok(())
}

async fn scale(show: &Show, replicas: u32) -> Result<()> {
    let path = show.path("apps/v1", "deployments/web/scale");
    let change = json!({ "spec": { "replicas": replicas } });
    show.api.patch(&path, &change).await?;
    Ok(())
}

/// Waits until so many pods of a Deployment are wanted and ready.
async fn pods(show: &Show, name: &str, number: u32) -> Result<()> {
    settles(show, name, number..=number).await
}

/// The same with some freedom.
async fn settles(show: &Show, name: &str, numbers: RangeInclusive<u32>) -> Result<()> {
    let path = show.path("apps/v1", &format!("deployments/{name}"));
    eventually(PATIENCE, || async {
        let live = show.api.get(&path).await?;
        let counts = [&live["spec"]["replicas"], &live["status"]["readyReplicas"]];
        let there = |count: &&&Value| numbers.clone().any(|number| ***count == number);
        match counts.iter().filter(there).count() == counts.len() && counts[0] == counts[1] {
            true => Ok(()),
            false => Err(anyhow!("{name} has {counts:?}, not {numbers:?}")),
        }
    })
    .await?;
    Ok(())
}

/// Waits until an autoscaler may not go below so many pods.
async fn least(show: &Show, name: &str, number: u32) -> Result<()> {
    let path = show.path(
        "autoscaling/v2",
        &format!("horizontalpodautoscalers/{name}"),
    );
    eventually(PATIENCE, || async {
        let live = show.api.get(&path).await?;
        let least = &live["spec"]["minReplicas"];
        match *least == number {
            true => Ok(()),
            false => Err(anyhow!("{least} at least, not {number}")),
        }
    })
    .await?;
    Ok(())
}
