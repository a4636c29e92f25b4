//! A rollout that nobody can tell of any more stands still, and is watched for as long as it serves.

use anyhow::{Result, ensure};
use e2e::{Agent, AgentOptions, Number, PATIENCE, Shop};
use lab::{control_plane::Api, eventually};
use serde_json::{Value, json};

use crate::canaries::{are, deployment, pauses, push};

const BOTH: [(&str, &str); 2] = [("web", "4 of 1"), ("web-canary", "1 of 2")];

/// One pod of the new version, watched by `number` until somebody says to go on.
fn watched(number: &Number, on_missing: &str) -> Value {
    let metric = json!({ "name": "score", "from": { "web": { "url": number.url() } }, "max": 1 });
    json!({
        "steps": [{ "replicas": 1 }, { "pause": {} }], "progressDeadline": "60s",
        "analysis": { "interval": "1s", "patience": "6s", "onMissing": on_missing, "metrics": [metric] },
    })
}

fn agent(shop: &Shop) -> Result<Agent> {
    let options = AgentOptions {
        lease_seconds: 3,
        ..AgentOptions::alone(&shop.namespace)
    };
    Agent::start(shop.world, options)
}

/// A shop with a canary that nobody can tell of any more, since the target was moved.
async fn stands_still(name: &str, number: &Number, on_missing: &str) -> Result<(Shop, Agent, Api)> {
    let shop = Shop::new(name).await?;
    shop.strategy("one", watched(number, on_missing)).await?;
    let api = shop.world.control_plane.api()?;
    let first = push(&shop, &[deployment("web", "1", "one")])?;
    let agent = agent(&shop)?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    push(&shop, &[deployment("web", "2", "one")])?;
    are(&api, &shop.namespace, &BOTH).await?;
    pauses(&shop).await?;
    let target = json!({ "namespace": other(&shop), "createNamespace": true });
    shop.change(json!({ "spec": { "target": target } })).await?;
    let told = shop.not_ready("InvalidStrategy").await?;
    let words = "its numbers are watched meanwhile";
    ensure!(told.message.contains(words), "{}", told.message);
    Ok((shop, agent, api))
}

fn other(shop: &Shop) -> String {
    format!("{}-other", shop.namespace)
}

/// Waits until the number was asked for `more` times.
async fn is_asked(number: &Number, more: usize) -> Result<()> {
    let before = number.asked();
    eventually(PATIENCE, || async {
        let asked = number.asked() - before;
        ensure!(asked >= more, "asked {asked} times");
        Ok(())
    })
    .await?;
    Ok(())
}

/// Waits until what git asks for is held for `reason`, at the good revision.
async fn is_held(shop: &Shop, api: &Api, reason: &str) -> Result<()> {
    let held = shop.held().await?;
    ensure!(held.reason == reason, "{held:?}");
    are(api, &other(shop), &[("web", "4 of 1")]).await?;
    are(api, &shop.namespace, &[]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_number_ends_what_stands_still_also_after_a_restart() -> Result<()> {
    let number = Number::start(0.5).await?;
    let (shop, first, api) = stands_still("watched", &number, "abort").await?;
    let mark = shop.mark()?;
    is_asked(&number, 3).await?;
    first.process.kill();
    drop(first);
    let _second = agent(&shop)?;
    is_asked(&number, 3).await?;
    are(&api, &shop.namespace, &BOTH).await?;
    let touched = shop.requests(mark)?.of("deployments").writes();
    ensure!(touched.is_empty(), "{}", touched.summary());
    number.says(Some(7.0));
    is_held(&shop, &api, "AnalysisFailed").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_is_missing_while_it_stands_still_goes_by_its_policy() -> Result<()> {
    let number = Number::start(0.5).await?;
    let (shop, _agent, api) = stands_still("lonely", &number, "abort").await?;
    number.says(None);
    is_held(&shop, &api, "AnalysisMissing").await?;

    let number = Number::start(0.5).await?;
    let (shop, _agent, api) = stands_still("patient", &number, "hold").await?;
    number.says(None);
    // Longer than the patience.
    is_asked(&number, 10).await?;
    are(&api, &shop.namespace, &BOTH).await
}
