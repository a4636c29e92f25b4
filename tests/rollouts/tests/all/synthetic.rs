//! HTTP checks of an Environment: as a gate, and as an alarm after promotion.

use std::net::TcpListener;

use anyhow::{Context as _, Result, anyhow, ensure};
use api::v1alpha1::{CheckState, EnvironmentStatus, RolloutPhase};
use e2e::{Agent, PATIENCE};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};
use lab::eventually;
use serde_json::{Value, json};

use crate::show::{Show, Version};

pub(crate) async fn is_a_gate_that_the_canary_alone_has_to_pass() -> Result<()> {
    let steps = json!([
        { "weight": 10 }, { "synthetic": { "checks": ["front"], "count": 2, "interval": "1s" } }, { "weight": 100 },
    ]);
    let (show, agent) = open("gate").await?;
    // One that never answers delays nobody.
    let hung = TcpListener::bind("127.0.0.1:0")?;
    let hung = json!({ "name": "hung", "url": format!("http://{}/", hung.local_addr()?), "timeout": "60s", "interval": "5s" });
    let front = front(&show, &json!({ "alarm": false }));
    show.shop
        .change(json!({ "spec": { "checks": [front, hung] } }))
        .await?;
    show.strategy(strategy(&steps, &json!({}))).await?;
    let good = show.push(&Version::good("v2"))?;
    show.shop.ready_at(&good).await?;
    let bad = show.push(&Version::good("v3").with("FAIL_PERCENT", "100"))?;
    let status = show.shop.phase(RolloutPhase::Held).await?;
    let held = held(status)?;
    ensure!(
        held.revision == bad && held.reason == "AnalysisFailed",
        "{held:?}"
    );
    let decision = held.decision.context("no decision")?;
    ensure!(
        decision.metric == "front" && decision.query.ends_with("answered 500"),
        "{decision:?}"
    );
    let metrics = agent.metrics().await?;
    ensure!(
        metrics.contains("driftless_check_runs_total{result=\"failed\"}"),
        "{metrics}"
    );
    Ok(())
}

pub(crate) async fn is_an_alarm_that_brings_the_former_release_back() -> Result<()> {
    let steps = json!([
        { "weight": 50 }, { "synthetic": { "checks": ["front"], "count": 1 } }, { "weight": 100 },
    ]);
    let (show, agent) = open("alarm").await?;
    let front = front(&show, &json!({}));
    show.shop
        .change(json!({ "spec": { "checks": [front] } }))
        .await?;
    show.strategy(strategy(&steps, &json!({ "bake": "10m" })))
        .await?;
    stands(&show, CheckState::Passing).await?;
    let metrics = agent.metrics().await?;
    ensure!(metrics.contains("check=\"front\"} 1"), "{metrics}");
    // Every pod ends once it has answered so many requests: long after the gate.
    let bad = show.push(&Version::good("v2").with("CRASH_AFTER", "80"))?;
    show.shop.phase(RolloutPhase::Baking).await?;
    let _users = show.stage.load(&show.host, 100).await?;
    let status = show.shop.phase(RolloutPhase::Held).await?;
    let held = held(status.clone())?;
    ensure!(
        held.revision == bad && held.reason == "SyntheticAlarm",
        "{held:?}"
    );
    let good = status.rollout.and_then(|rollout| rollout.good);
    ensure!(good.as_deref() != Some(bad.as_str()), "{good:?}");
    let users = show.users(100).await?;
    show.share(&users, "v1", 100).await?;
    let status = stands(&show, CheckState::Passing).await?;
    let history = &status.checks[0].history;
    ensure!(
        history[0].state == CheckState::Failing && !history[0].message.is_empty(),
        "{history:?}"
    );
    let events: Api<Event> = Api::namespaced(show.shop.client.clone(), &show.shop.namespace);
    // They are written after the status.
    eventually(PATIENCE, || async {
        let told = events.list(&ListParams::default()).await?;
        for reason in ["CheckFailed", "CheckPassed"] {
            let mut told = told.iter();
            ensure!(
                told.any(|event| event.reason.as_deref() == Some(reason)),
                "no event {reason}"
            );
        }
        Ok(())
    })
    .await?;
    Ok(())
}

/// A shop that knows no check yet.
async fn open(name: &str) -> Result<(Show, Agent)> {
    let all_at_once = json!({ "steps": [{ "weight": 100 }] });
    Show::open(name, all_at_once, &Version::good("v1")).await
}

fn strategy(steps: &Value, more: &Value) -> Value {
    let mut strategy = json!({
        "steps": steps, "progressDeadline": "60s",
        "testers": { "headers": [{ "name": "x-canary", "value": "yes" }] },
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        strategy[key] = value.clone();
    }
    strategy
}

/// Asks the gateway for the shop, as a tester of the canary where there is one.
fn front(show: &Show, more: &Value) -> Value {
    let mut front = json!({
        "name": "front", "url": format!("http://{}/", show.stage.gateway.address()), "interval": "5s",
        "headers": [{ "name": "host", "value": show.host }, { "name": "x-canary", "value": "yes" }],
        "expect": { "status": [200], "matches": "^v[0-9]", "latency": "5s" },
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        front[key] = value.clone();
    }
    front
}

fn held(status: EnvironmentStatus) -> Result<api::v1alpha1::HeldRevision> {
    let held = status.rollout.and_then(|rollout| rollout.held);
    held.context("nothing is held")
}

/// Waits until the check stands like this.
async fn stands(show: &Show, state: CheckState) -> Result<EnvironmentStatus> {
    let seen = eventually(PATIENCE, || async {
        let status = show.shop.environments().get("shop").await?.status;
        let status = status.unwrap_or_default();
        match status.checks.iter().any(|check| check.state == state) {
            true => Ok(status),
            false => Err(anyhow!("{:?}", status.checks)),
        }
    });
    seen.await.with_context(|| format!("{state:?}"))
}
