//! What an agent that is killed in the middle of a rollout leaves to the next one: how far an analysis had come, and what
//! was done and not told yet.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use api::v1alpha1::Action;
use e2e::{Agent, AgentOptions, Number, PATIENCE, Shop};
use lab::{
    audit::{Entry, Mark},
    eventually,
};
use serde_json::{Value, json};

use crate::canaries::{are, command, deployment, pauses, push};

/// Good runs that the gate needs.
const COUNT: usize = 14;
/// Of them, those that nobody may have told of before a kill, and the one that the next agent has to hear itself.
const UNTOLD: usize = 5;

fn agent(shop: &Shop) -> Result<Agent> {
    let options = AgentOptions {
        lease_seconds: 3,
        ..AgentOptions::alone(&shop.namespace)
    };
    Agent::start(shop.world, options)
}

async fn opened(name: &str, strategy: Value, spec: Value) -> Result<(Shop, Agent)> {
    let shop = Shop::new(name).await?;
    shop.strategy("one", strategy).await?;
    let first = push(&shop, &[deployment("web", "1", "one")])?;
    let agent = agent(&shop)?;
    shop.environment(spec).await?;
    shop.ready_at(&first).await?;
    Ok((shop, agent))
}

/// Good runs of the gate that the Release tells of.
async fn told(shop: &Shop) -> Result<u32> {
    let release = shop.releases().await?.pop().context("no Release")?;
    let rollout = release.status.and_then(|status| status.rollout);
    let gate = rollout.and_then(|rollout| rollout.gate);
    Ok(gate
        .and_then(|gate| gate.good.get("front").copied())
        .unwrap_or(0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_goes_on_where_it_was_when_the_agent_is_killed() -> Result<()> {
    // Asked by nobody but the gate.
    let site = Number::start(1.0).await?;
    let check = json!({ "name": "front", "url": site.url(), "interval": "1h", "alarm": false });
    let gate = json!({ "checks": ["front"], "count": COUNT, "interval": "2s" });
    let strategy = json!({ "steps": [{ "replicas": 1 }, { "synthetic": gate }, { "pause": {} }] });
    let (shop, first) = opened("gate", strategy, json!({ "checks": [check] })).await?;
    push(&shop, &[deployment("web", "2", "one")])?;
    let enough = u32::try_from(COUNT / 2)?;
    eventually(PATIENCE, || async {
        let told = told(&shop).await?;
        ensure!(told >= enough, "{told} are told of");
        Ok(())
    })
    .await?;
    first.process.kill();
    drop(first);
    let before = site.asked();
    let _second = agent(&shop)?;
    pauses(&shop).await?;
    let all = site.asked();
    ensure!(all >= COUNT, "passed after {all} runs");
    ensure!(all > before, "nobody has heard one after the restart");
    ensure!(
        all <= COUNT + UNTOLD,
        "{all} runs, of which {before} before the kill"
    );
    Ok(())
}

/// Kills `agent` as soon as `write` was answered after `mark`, before anybody could tell of it.
async fn killed_at(
    shop: &Shop,
    (agent, mut mark): (Agent, Mark),
    write: impl Fn(&Entry) -> bool,
) -> Result<Agent> {
    let began = Instant::now();
    loop {
        let log = shop.world.control_plane.audit();
        let mine = |entry: &Entry| entry.user_agent.contains(&shop.namespace);
        let writes = log.take(&mut mark)?.writes().only(mine);
        if writes.iter().any(|entry| entry.succeeded() && write(entry)) {
            agent.process.kill();
            drop(agent);
            return self::agent(shop);
        }
        ensure!(began.elapsed() < PATIENCE, "that was never written");
        tokio::time::sleep(Duration::from_millis(5)).await; // sleeps because nobody tells when a line is written
    }
}

/// What the newest Release says was done, to the Deployment called `name`.
async fn done(shop: &Shop, name: &str) -> Result<Vec<Action>> {
    let release = shop.releases().await?.pop().context("no Release")?;
    let changes = release.status.unwrap_or_default().changes;
    let object = format!("Deployment/{}/{name}", shop.namespace);
    let mine = changes
        .into_iter()
        .filter(|one| one.object.ends_with(&object));
    Ok(mine.map(|one| one.action).collect())
}

/// Waits until all that was done is told, and nothing else.
async fn is_told(shop: &Shop, name: &str, wanted: &[Action]) -> Result<()> {
    eventually(PATIENCE, || async {
        let done = done(shop, name).await?;
        ensure!(done == wanted, "{done:?}");
        Ok(())
    })
    .await
    .with_context(|| format!("{name} in {}", shop.namespace))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_before_a_kill_is_told_after_it() -> Result<()> {
    let steps = json!([{ "replicas": 1 }, { "pause": {} }, { "replicas": 2 }, { "pause": {} }]);
    let (shop, agent) = opened("untold", json!({ "steps": steps }), json!({})).await?;
    let api = shop.world.control_plane.api()?;
    let copy = |entry: &Entry| entry.resource == "deployments" && entry.name == "web-canary";
    let mark = shop.mark()?;
    push(&shop, &[deployment("web", "2", "one")])?;
    let agent = killed_at(&shop, (agent, mark), copy).await?;
    pauses(&shop).await?;
    is_told(&shop, "web-canary", &[Action::Created]).await?;
    let mark = shop.mark()?;
    command(&shop, "promote").await?;
    let _agent = killed_at(&shop, (agent, mark), copy).await?;
    let more = [("web", "4 of 1"), ("web-canary", "2 of 2")];
    are(&api, &shop.namespace, &more).await?;
    pauses(&shop).await?;
    is_told(&shop, "web-canary", &[Action::Created, Action::Updated]).await?;
    is_told(&shop, "web", &[]).await?;
    command(&shop, "promote").await?;
    are(&api, &shop.namespace, &[("web", "4 of 2")]).await?;
    is_told(&shop, "web", &[Action::Updated]).await
}
