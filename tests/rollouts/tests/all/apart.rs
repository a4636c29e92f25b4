//! An Environment that is suspended or deleted while a new version is on its way, under load.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use api::v1alpha1::EnvironmentStatus;
use e2e::{PATIENCE, ready};
use lab::{
    Load,
    audit::{Entries, Entry, Mark},
    eventually,
};
use serde_json::{Value, json};

use crate::{
    canary::nobody_lost,
    record::weight,
    show::{Show, Version, canary},
};

/// Longer than the pauses of the steps.
const LONG: Duration = Duration::from_secs(10);
/// Of the route.
const ROUTE: (&str, &str) = ("gateway.networking.k8s.io/v1", "httproutes/web");

/// Waits until the agent says that it is suspended, and where.
async fn suspend(show: &Show, where_left: &str) -> Result<()> {
    show.shop
        .change(json!({ "spec": { "suspend": true } }))
        .await?;
    let told = |status: &EnvironmentStatus| {
        let rollout = status.rollout.as_ref();
        let said = ready(status).is_some_and(|ready| {
            ready.reason == "Suspended"
                && ready.message.contains(where_left)
                && ready.message.contains("nobody watches")
        });
        said && rollout.is_some_and(|rollout| rollout.message.contains(where_left))
    };
    show.shop.status("left where it is", told).await?;
    Ok(())
}

async fn resume(show: &Show) -> Result<()> {
    show.shop
        .change(json!({ "spec": { "suspend": false } }))
        .await
}

/// What the agent changed of objects since `mark`.
fn meddled(show: &Show, mark: Mark) -> Result<Entries> {
    let ours = ["environments", "events", "releases", "inventories"];
    let changes = show.changes(mark)?;
    Ok(changes.only(|entry| !ours.contains(&entry.resource.as_str())))
}

pub(crate) async fn a_suspended_canary_stands_still_and_goes_on_from_there() -> Result<()> {
    let (show, agent) = Show::open("asleep", canary(), &Version::good("v1")).await?;
    let load = show.users(100).await?;
    let begun = show.shop.mark()?;
    let commit = show.push(&Version::good("v2"))?;
    show.share(&load, "v2", 5).await?;
    suspend(&show, "10 %").await?;
    let mark = show.shop.mark()?;
    tokio::time::sleep(LONG).await; // sleeps because nothing is to happen meanwhile
    let said = show.shop.driftless(&["rollout", "shop"])?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    ensure!(
        said.contains("nobody watches it") && said.contains("driftless resume shop"),
        "{said}"
    );
    // Another agent knows it too.
    agent.process.kill();
    drop(agent);
    let _agent = show.agent()?;
    tokio::time::sleep(LONG).await; // sleeps because nothing is to happen meanwhile
    ensure!(meddled(&show, mark)?.is_empty(), "touched while suspended");
    show.share(&load, "v2", 5).await?;
    resume(&show).await?;
    show.shop.ready_at(&commit).await?;
    show.share(&load, "v2", 100).await?;
    nobody_lost(&load.since(Duration::ZERO))?;
    let weights = show.weights(begun)?;
    ensure!(weights == [10, 50, 100, 0], "{weights:?}");
    Ok(())
}

pub(crate) async fn a_canary_that_fails_while_suspended_goes_back_once_resumed() -> Result<()> {
    let mut strategy = canary();
    strategy["steps"][1] = json!({ "pause": { "for": "10m" } });
    let (show, _agent) = Show::open("dozing", strategy, &Version::good("v1")).await?;
    let load = show.users(100).await?;
    let bad = show.push(&Version::good("v2").with("FAIL_PERCENT", "30"))?;
    // Before there are numbers enough to end it.
    let weighed = |status: &EnvironmentStatus| {
        let rollout = status.rollout.as_ref();
        rollout.is_some_and(|rollout| rollout.weight == Some(10))
    };
    show.shop.status("10 %", weighed).await?;
    suspend(&show, "10 %").await?;
    let mark = show.shop.mark()?;
    tokio::time::sleep(LONG).await; // sleeps because nothing is to happen meanwhile
    ensure!(meddled(&show, mark)?.is_empty(), "touched while suspended");
    resume(&show).await?;
    let held = show.held(&bad).await?;
    ensure!(held.reason == "AnalysisFailed", "{held:?}");
    show.share(&load, "v1", 100).await
}

/// A shop with a canary at 50 % that waits for somebody.
async fn half(name: &str, on_delete: &str) -> Result<(Show, e2e::Agent, Load)> {
    let mut strategy = canary();
    strategy["steps"] = json!([{ "weight": 50 }, { "pause": {} }]);
    let (show, agent) = Show::open(name, strategy, &Version::good("v1")).await?;
    show.shop
        .change(json!({ "spec": { "onDelete": on_delete } }))
        .await?;
    let load = show.users(100).await?;
    show.push(&Version::good("v2"))?;
    show.share(&load, "v2", 35).await?;
    Ok((show, agent, load))
}

/// When something first came to `entry`.
fn place(changes: &Entries, what: impl Fn(&Entry) -> bool) -> Option<usize> {
    changes.iter().position(what)
}

fn deletes(resource: &'static str, name: &'static str) -> impl Fn(&Entry) -> bool {
    move |entry| entry.verb == "delete" && entry.resource == resource && entry.name == name
}

/// The users are back before the first of the copies goes. Gives the place of that.
fn led_back_first(changes: &Entries) -> Result<usize> {
    let back = place(changes, |entry| {
        entry.resource == "httproutes" && weight(entry) == Some(0)
    });
    let back = back.context("the route was not given back")?;
    for resource in ["deployments", "services"] {
        let gone = place(changes, deletes(resource, "web-canary"));
        let gone = gone.with_context(|| format!("{resource}/web-canary stays"))?;
        ensure!(back < gone, "{}", changes.summary());
    }
    Ok(back)
}

pub(crate) async fn a_canary_is_taken_back_before_its_environment_is_let_go() -> Result<()> {
    let (show, agent, load) = half("letgo", "orphan").await?;
    // Whoever does it need not have been there.
    agent.process.kill();
    drop(agent);
    let mark = show.shop.mark()?;
    show.shop.delete("shop").await?;
    let _agent = show.agent()?;
    show.shop.gone("shop").await?;
    show.share(&load, "v1", 100).await?;
    nobody_lost(&load.since(Duration::ZERO))?;
    let changes = show.changes(mark)?;
    led_back_first(&changes)?;
    let route = show.api.get(&show.path(ROUTE.0, ROUTE.1)).await?;
    let backends = &route["spec"]["rules"][0]["backendRefs"];
    let names: Vec<_> = backends.as_array().into_iter().flatten().collect();
    ensure!(names.len() == 1 && names[0]["name"] == "web", "{backends}");
    // Nothing of ours is left, in name or by label.
    for (version, kind) in [
        ("apps/v1", "deployments"),
        ("v1", "services"),
        ("v1", "configmaps"),
    ] {
        let all = show.api.get(&show.path(version, kind)).await?;
        let marked = |object: &&Value| {
            let labels = &object["metadata"]["labels"];
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            name.contains("canary") || !labels["driftless.dev/environment"].is_null()
        };
        let items = all["items"].as_array().cloned().unwrap_or_default();
        let left: Vec<_> = items.iter().filter(marked).collect();
        ensure!(left.is_empty(), "{left:?}");
    }
    show.shop.no_inventory().await
}

pub(crate) async fn a_canary_is_taken_back_before_its_environment_is_deleted() -> Result<()> {
    let (show, _agent, load) = half("pruned", "prune").await?;
    let mark = show.shop.mark()?;
    show.shop.delete("shop").await?;
    show.shop.gone("shop").await?;
    let changes = show.changes(mark)?;
    let back = led_back_first(&changes)?;
    let copy = place(&changes, deletes("deployments", "web-canary"));
    let copy = copy.context("the copy stays")?;
    let route = place(&changes, deletes("httproutes", "web")).context("the route stays")?;
    let stable = place(&changes, deletes("deployments", "web")).context("the pods stay")?;
    ensure!(
        back < copy && copy < route && route < stable,
        "{}",
        changes.summary()
    );
    // Until the route goes nobody is lost.
    let until = changes[route].received.duration_since(load.began());
    let until: Duration = until.try_into().unwrap_or_default();
    let mut samples = load.since(Duration::ZERO);
    samples.0.retain(|sample| sample.at + sample.took < until);
    ensure!(samples.count() > 100, "{} samples", samples.count());
    nobody_lost(&samples)?;
    eventually(PATIENCE, || async {
        let left = show.api.get(&show.path("apps/v1", "deployments")).await?;
        let left = left["items"].as_array().map_or(0, Vec::len);
        ensure!(left == 0, "{left} Deployments are left");
        Ok(())
    })
    .await?;
    show.shop.no_inventory().await
}
