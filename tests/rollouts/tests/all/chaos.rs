//! Disturbances on purpose: what they do, whom they spare, and that they are over whatever happens.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use api::v1alpha1::RolloutPhase;
use e2e::{Agent, PATIENCE};
use lab::{audit, eventually};
use serde_json::{Value, json};

use crate::show::{Show, Version, canary};

/// Requests in a second.
const USERS: u32 = 100;
/// The service account of the tenant.
const TENANT: &str = "tenant";

pub(crate) async fn kills_half_of_the_canary_and_spares_the_stable_one() -> Result<()> {
    let steps = json!([
        { "weight": 50 },
        { "chaos": { "for": "4s", "kill": 50 } },
        { "chaos": { "for": "2s", "scale": 1, "objects": [storm()] } },
        { "weight": 100 }, { "pause": { "for": "2s" } },
    ]);
    let (show, _agent) = open("killed", steps).await?;
    as_tenant(&show).await?;
    let mark = show.shop.mark()?;
    let load = show.users(USERS).await?;
    let commit = show.push(&Version::good("v2"))?;
    stands(&show).await.context("the storm")?;
    show.shop.ready_at(&commit).await?;
    gone(&show).await?;
    show.share(&load, "v2", 100).await?;
    let failed = load.since(Duration::ZERO).failed();
    ensure!(
        failed.count() == 0,
        "{} failed; the first: {:?}",
        failed.count(),
        failed.0.first()
    );
    show.note("chaos kills half of the canary", &load, ("v2", mark))
        .await?;
    let killed = killed(&show, mark)?;
    // Half of the two pods that half of the users take.
    ensure!(killed.len() == 1, "{}", killed.summary());
    let one = killed.iter().next().context("nobody")?;
    let who = format!("system:serviceaccount:{}:{TENANT}", show.shop.namespace);
    ensure!(one.name.starts_with("web-canary-"), "{}", one.name);
    ensure!(one.impersonated.as_deref() == Some(&who), "{one:?}");
    let releases = show.shop.releases().await?;
    let told = serde_json::to_string(&releases.last().context("no Release")?.status)?;
    ensure!(told.contains(&one.name), "not on record: {told}");
    Ok(())
}

pub(crate) async fn that_cuts_the_canary_off_sends_it_back() -> Result<()> {
    let steps = json!([
        { "weight": 50 },
        { "chaos": { "for": "60s", "isolate": true } },
        { "weight": 100 },
    ]);
    let (show, _agent) = open("isolated", steps).await?;
    let load = show.users(USERS).await?;
    let bad = show.push(&Version::good("v2"))?;
    let policy = at(
        &show,
        "apis/networking.k8s.io/v1",
        "networkpolicies/web-canary-chaos",
    );
    eventually(PATIENCE, || show.api.get(&policy)).await?;
    let status = show.shop.phase(RolloutPhase::Held).await?;
    let held = status.rollout.and_then(|rollout| rollout.held);
    let held = held.context("nothing is held")?;
    ensure!(
        held.revision == bad && held.reason == "AnalysisFailed",
        "{held:?}"
    );
    eventually(PATIENCE, || absent(&show, &policy)).await?;
    show.share(&load, "v1", 100).await?;
    // Nobody but the canary was cut off.
    let from = load.now();
    tokio::time::sleep(Duration::from_secs(2)).await; // sleeps because what fails over a time is what is measured
    let failed = load.since(from).failed();
    ensure!(failed.count() == 0, "{:?}", failed.0.first());
    Ok(())
}

pub(crate) async fn is_over_in_time_although_the_agent_was_killed_and_git_is_gone() -> Result<()> {
    let steps = json!([
        { "weight": 50 },
        { "chaos": { "for": "10s", "kill": 100, "objects": [storm()] } },
        { "weight": 100 },
    ]);
    let (show, agent) = open("interrupted", steps).await?;
    let mark = show.shop.mark()?;
    let _load = show.users(USERS).await?;
    let commit = show.push(&Version::good("v2"))?;
    stands(&show).await.context("the storm")?;
    agent.process.kill();
    drop(agent);
    let (here, away) = (
        show.shop.repo.path(),
        show.shop.repo.path().with_extension("away"),
    );
    std::fs::rename(here, &away)?;
    let _again = show.agent()?;
    gone(&show).await.context("without git")?;
    std::fs::rename(&away, here)?;
    // What it did not know of it looks for again.
    show.shop
        .change(json!({ "metadata": { "annotations": { "driftless.dev/requested-at": "now" } } }))
        .await?;
    show.shop.ready_at(&commit).await?;
    let killed = killed(&show, mark)?;
    let names: BTreeSet<&str> = killed.iter().map(|entry| entry.name.as_str()).collect();
    // All of two, and none that came in their place.
    ensure!(names.len() == 2, "{}", killed.summary());
    Ok(())
}

pub(crate) async fn does_not_outlive_a_suspension_or_its_environment() -> Result<()> {
    let steps = json!([
        { "weight": 50 },
        { "chaos": { "for": "10m", "objects": [storm()] } },
        { "weight": 100 },
    ]);
    let (show, _agent) = open("suspended", steps).await?;
    let _load = show.users(USERS).await?;
    show.push(&Version::good("v2"))?;
    stands(&show).await?;
    show.shop
        .change(json!({ "spec": { "suspend": true } }))
        .await?;
    gone(&show).await.context("suspended")?;
    show.shop
        .change(json!({ "spec": { "suspend": false } }))
        .await?;
    stands(&show).await.context("resumed")?;
    // Its other objects stay.
    let environments = show.shop.environments();
    environments
        .delete("shop", &kube::api::DeleteParams::default())
        .await?;
    gone(&show).await.context("deleted")?;
    show.api
        .get(&at(&show, "apis/apps/v1", "deployments/web"))
        .await?;
    Ok(())
}

async fn open(name: &str, steps: Value) -> Result<(Show, Agent)> {
    let mut strategy = canary();
    strategy["steps"] = steps;
    // What is proved here does not depend on how fast a machine under load takes samples.
    strategy["analysis"]["interval"] = json!("3s");
    strategy["analysis"]["patience"] = json!("60s");
    Show::open(name, strategy, &Version::good("v1")).await
}

/// An object that does nothing but stand there.
fn storm() -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "storm" },
        "data": { "over": "{{workload}}" },
    })
}

/// From now on the environment acts as a tenant with rights of its own.
async fn as_tenant(show: &Show) -> Result<()> {
    show.shop.lend(TENANT).await?;
    let namespace = &show.shop.namespace;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": { "name": "tenant-deploys" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "driftless-deployer" },
        "subjects": [{ "kind": "ServiceAccount", "name": TENANT, "namespace": namespace }],
    });
    let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings");
    show.api.create(&path, &binding).await?;
    let target = json!({ "spec": { "target": { "serviceAccountName": TENANT } } });
    show.shop.change(target).await
}

async fn stands(show: &Show) -> Result<()> {
    let storm = at(show, "api/v1", "configmaps/storm");
    eventually(PATIENCE, || show.api.get(&storm)).await?;
    Ok(())
}

async fn gone(show: &Show) -> Result<()> {
    let storm = at(show, "api/v1", "configmaps/storm");
    eventually(PATIENCE, || absent(show, &storm)).await?;
    Ok(())
}

async fn absent(show: &Show, path: &str) -> Result<()> {
    match show.api.get(path).await {
        Ok(_) => Err(anyhow!("{path} is there")),
        Err(_) => Ok(()),
    }
}

fn at(show: &Show, group: &str, rest: &str) -> String {
    format!("/{group}/namespaces/{}/{rest}", show.shop.namespace)
}

/// Pods that the agent has deleted.
fn killed(show: &Show, mark: audit::Mark) -> Result<audit::Entries> {
    let pods = show.shop.requests(mark)?.of("pods");
    Ok(pods.only(|entry| entry.verb == "delete" && entry.succeeded()))
}
