//! The agent's own end and beginning: killed, stopped, doubled.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use e2e::{Agent, AgentOptions, PATIENCE, Shop};
use lab::{audit::Entries, eventually};
use serde_json::json;

/// How many writes of each verb every ConfigMap had.
fn writes_per_map(requests: &Entries) -> BTreeMap<(String, String), usize> {
    let mut count = BTreeMap::new();
    for entry in requests.writes().of("configmaps").iter() {
        *count
            .entry((entry.name.clone(), entry.verb.clone()))
            .or_default() += 1;
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_applying_it_converges_without_duplicates_or_orphans() -> Result<()> {
    let shop = Shop::new("kill").await?;
    let names: Vec<String> = (0..120).map(|number| format!("m{number:03}")).collect();
    let all: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let first = shop.push_maps("first", &all)?;
    let mark = shop.mark()?;
    let options = AgentOptions {
        lease_seconds: 3,
        ..AgentOptions::alone(&shop.namespace)
    };
    let agent = Agent::start(shop.world, options.clone())?;
    shop.environment(json!({})).await?;
    eventually(PATIENCE, || async {
        let made = shop.requests(mark)?.writes().of("configmaps").len();
        anyhow::ensure!(made > 10, "{made} made so far");
        Ok(())
    })
    .await?;
    agent.process.kill();
    drop(agent);
    let rest = shop.push_maps("without the last ten", &all[..110])?;
    assert_ne!(rest, first);
    let again = AgentOptions {
        identity: format!("{}-again", options.identity),
        ..options.clone()
    };
    let agent = Agent::start(shop.world, again)?;
    let status = shop.status("pruned or waiting for approval", |status| {
        status.revision.applied.as_deref() == Some(rest.as_str()) && e2e::is_ready(status)
            || status.pending.is_some()
    });
    if let Some(pending) = status.await?.pending {
        let approve =
            json!({ "metadata": { "annotations": { api::names::APPROVED_PLAN: pending.digest } } });
        shop.change(approve).await?;
    }
    shop.ready_at(&rest).await?;
    assert_eq!(
        shop.values().await?.len(),
        110,
        "no orphan and nothing missing"
    );
    for ((name, verb), count) in writes_per_map(&shop.requests(mark)?) {
        let most = if verb == "delete" { 1 } else { 2 };
        assert!(count <= most, "{verb} {name}: {count} times");
    }
    shop.settled().await?;
    agent.process.kill();
    nothing_left_to_do(&shop, options).await
}

/// A start when everything is as git says writes nothing but leases and what it was asked to handle.
async fn nothing_left_to_do(shop: &Shop, options: AgentOptions) -> Result<()> {
    let mark = shop.mark()?;
    let third = AgentOptions {
        identity: format!("{}-third", options.identity),
        ..options
    };
    let _agent = Agent::start(shop.world, third)?;
    let touch = json!({ "metadata": { "annotations": { api::names::REQUESTED_AT: "now" } } });
    shop.change(touch).await?;
    shop.status("the request is handled", |status| {
        status.handled_request.is_some()
    })
    .await?;
    let writes = shop.requests(mark)?.writes();
    let more = writes.only(|entry| {
        !entry.is_lease_renewal() && entry.resource != "leases" && entry.subresource != "status"
    });
    assert!(
        more.is_empty(),
        "nothing is left to do, so nothing is written:\n{}",
        more.summary()
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_to_stop_it_ends_in_time_and_hands_over() -> Result<()> {
    let shop = Shop::new("stop").await?;
    let names: Vec<String> = (0..200).map(|number| format!("m{number:03}")).collect();
    let all: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let first = shop.push_maps("first", &all)?;
    let mark = shop.mark()?;
    let agent = shop.agent()?;
    shop.environment(json!({})).await?;
    eventually(PATIENCE, || async {
        anyhow::ensure!(
            !shop.requests(mark)?.writes().of("configmaps").is_empty(),
            "not begun"
        );
        Ok(())
    })
    .await?;
    agent.process.terminate();
    let status = agent.process.wait(Duration::from_secs(10)).await?;
    assert!(status.success(), "{status:?}: {}", agent.process.tail());
    let second = AgentOptions {
        identity: format!("{}-second", shop.namespace),
        ..agent.options.clone()
    };
    let began = std::time::Instant::now();
    let _second = Agent::start(shop.world, second)?;
    shop.ready_at(&first).await?;
    // The first one's Lease of 12 s was deleted, so nobody had to wait for it to run out.
    assert!(
        began.elapsed() < Duration::from_secs(11),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(shop.values().await?.len(), 200);
    Ok(())
}
