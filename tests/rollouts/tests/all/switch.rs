//! Blue and green of one workload: the new version in full beside the old one, then everybody at once.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use api::v1alpha1::RolloutPhase;
use e2e::{Agent, PATIENCE};
use lab::{Load, audit, eventually, gateway};
use serde_json::{Value, json};

use crate::show::{Show, Version};

/// In full beside the old one until somebody says so, then at once; the old one stays for a while.
fn strategy() -> Value {
    json!({
        "traffic": "switch",
        "steps": [
            { "replicas": "100%" }, { "pause": {} },
            { "weight": 100 }, { "pause": { "for": "6s" } },
        ],
        "progressDeadline": "90s",
        "analysis": {
            "interval": "1s", "patience": "90s",
            "metrics": [{
                "name": "error-rate", "max": 0.02, "minSamples": 5,
                "from": { "template": { "measure": "errorRate", "by": "traefik", "window": "5s" } },
            }],
        },
    })
}

/// A route that is in no git: users of `host` come to Service `service`.
async fn lead(show: &Show, name: &str, host: &str, service: &str) -> Result<()> {
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": { "name": name },
        "spec": {
            "parentRefs": [{ "name": gateway::NAME, "namespace": gateway::NAMESPACE }],
            "hostnames": [host],
            "rules": [{ "backendRefs": [{ "name": service, "port": 80 }] }],
        },
    });
    let place = format!("httproutes/{name}");
    let path = show.path("gateway.networking.k8s.io/v1", &place);
    show.api.apply(&path, &route).await?;
    Ok(())
}

/// Waits until the new version is there in full and nobody but testers is led to it.
async fn is_previewed(show: &Show, version: &str) -> Result<()> {
    let waits = |status: &api::v1alpha1::EnvironmentStatus| {
        status.rollout.as_ref().is_some_and(|rollout| {
            rollout.step.as_deref() == Some("2/4 pause") && rollout.message.contains("promote")
        })
    };
    show.shop.status("a preview", waits).await?;
    let host = format!("preview.{}", show.host);
    lead(show, "preview", &host, "web-canary").await?;
    let testers = show.stage.load(&host, 20).await?;
    show.share(&testers, version, 100).await?;
    ensure!(ready(show, "web-canary").await? == 4, "not in full");
    Ok(())
}

async fn ready(show: &Show, name: &str) -> Result<u64> {
    let place = format!("deployments/{name}");
    let live = show.api.get(&show.path("apps/v1", &place)).await?;
    Ok(live["status"]["readyReplicas"].as_u64().unwrap_or(0))
}

/// Lets the rollout go on, and waits until everybody is with `version`, while the old one is still there.
async fn switches(show: &Show, load: &Load, version: &str) -> Result<()> {
    show.command("promote").await?;
    show.weighs(100).await?;
    show.share(load, version, 100).await?;
    ensure!(ready(show, "web").await? == 4, "the old one is not kept");
    Ok(())
}

fn no_failure(load: &Load, but: Option<&str>) -> Result<()> {
    let failed = load.since(Duration::ZERO).failed();
    let first = failed
        .0
        .iter()
        .find(|one| but.is_none() || one.version.as_deref() != but);
    ensure!(first.is_none(), "{first:?} failed");
    Ok(())
}

/// From the first bad answer that users got to the last one, once the switch is taken back.
async fn goes_back(show: &Show, load: &Load, good: &str, bad: &str) -> Result<()> {
    show.shop.phase(RolloutPhase::Held).await?;
    let verdict = load.now();
    show.share(load, good, 100).await?;
    let last = load
        .since(Duration::ZERO)
        .last_of(bad)
        .context("nobody was there")?;
    ensure!(
        last < verdict + Duration::from_secs(2),
        "{bad} answered at {last:?}, and was held at {verdict:?}"
    );
    no_failure(load, Some(bad))
}

async fn settles(show: &Show, commit: &str) -> Result<()> {
    show.shop.ready_at(commit).await?;
    show.is_gone("apps/v1", "deployments/web-canary").await
}

pub(crate) async fn by_a_route_is_one_write_and_goes_back_in_one() -> Result<()> {
    let (show, _agent) = Show::open("switch", strategy(), &Version::good("v1")).await?;
    let load = show.users(300).await?;
    let mark = show.shop.mark()?;
    let second = show.push(&Version::good("v2"))?;
    is_previewed(&show, "v2").await?;
    ensure!(!load.since(Duration::ZERO).by_version().contains_key("v2"));
    switches(&show, &load, "v2").await?;
    settles(&show, &second).await?;
    // To the new one, and to the stable pods once they are the new one too.
    let weights = show.weights(mark)?;
    ensure!(weights == [100, 0], "{weights:?}");
    no_failure(&load, None)?;

    let mark = show.shop.mark()?;
    show.push(&Version::good("v3").with("FAIL_PERCENT", "30"))?;
    show.shop.rollout_says(&["promote"]).await?;
    show.command("promote").await?;
    goes_back(&show, &load, "v2", "v3").await?;
    let weights = show.weights(mark)?;
    ensure!(weights == [100, 0], "{weights:?}");
    Ok(())
}

/// Where each write of the Service leads: the labels it picks.
fn picks(show: &Show, mark: audit::Mark) -> Result<Vec<Value>> {
    let writes = show.shop.requests(mark)?.writes();
    let writes = writes.of("services").named("web");
    let selector = |entry: &audit::Entry| Some(entry.request.as_ref()?["spec"]["selector"].clone());
    let mut picks: Vec<_> = writes.iter().filter_map(selector).collect();
    picks.dedup();
    Ok(picks)
}

async fn unrouted(name: &str) -> Result<(Show, Agent)> {
    let mut strategy = strategy();
    // Without a route in git no exporter tells the versions apart; the shop itself is asked by the alarm of a person.
    if let Some(fields) = strategy.as_object_mut() {
        fields.remove("analysis");
    }
    let first = Version {
        is_routed: false,
        ..Version::good("v1")
    };
    let (show, agent) = Show::open(name, strategy, &first).await?;
    lead(&show, "front", &show.host, "web").await?;
    Ok((show, agent))
}

pub(crate) async fn by_a_selector_is_one_write_and_goes_back_in_one() -> Result<()> {
    let (show, _agent) = unrouted("selector").await?;
    let version = |name| Version {
        is_routed: false,
        ..Version::good(name)
    };
    let load = show.users(300).await?;
    let mark = show.shop.mark()?;
    let second = show.push(&version("v2"))?;
    is_previewed(&show, "v2").await?;
    switches(&show, &load, "v2").await?;
    settles(&show, &second).await?;
    let ways = picks(&show, mark)?;
    ensure!(
        ways.len() == 2 && ways[0]["app"] != "web" && ways[1] == json!({ "app": "web" }),
        "{ways:?}"
    );
    no_failure(&load, None)?;

    show.push(&version("v3").with("FAIL_PERCENT", "30"))?;
    is_previewed(&show, "v3").await?;
    switches(&show, &load, "v3").await?;
    show.command("abort").await?;
    goes_back(&show, &load, "v2", "v3").await?;
    eventually(PATIENCE, || async {
        match ready(&show, "web-canary").await {
            Err(_) => Ok(()),
            Ok(pods) => Err(anyhow!("{pods} pods of v3 are left")),
        }
    })
    .await?;
    no_failure(&load, Some("v3"))
}
