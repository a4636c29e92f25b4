//! What the agent tells those who watch it: a trace of each release, and metrics.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow, ensure};
use e2e::{Agent, AgentOptions, Collector, PATIENCE, Shop};
use lab::eventually;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_is_one_trace_from_hearing_of_it_until_healthy() -> Result<()> {
    let shop = Shop::new("traces").await?;
    let collector = Collector::start().await?;
    let commit = shop.push_maps("first", &[("a", "1")])?;
    let options = AgentOptions {
        otlp_endpoint: Some(collector.endpoint()),
        ..AgentOptions::alone(&shop.namespace)
    };
    let _agent = Agent::start(shop.world, options)?;
    shop.environment(json!({})).await?;
    shop.ready_at(&commit).await?;
    let spans = eventually(PATIENCE, || async {
        let spans = collector.spans();
        match spans.iter().any(|span| span.name == "release") {
            true => Ok(spans),
            false => Err(anyhow!("{} spans", spans.len())),
        }
    })
    .await?;
    let root = spans
        .iter()
        .find(|span| span.name == "release")
        .ok_or_else(|| anyhow!("no root"))?;
    ensure!(
        spans.iter().all(|span| span.trace_id == root.trace_id),
        "one release, one trace"
    );
    let names: BTreeSet<_> = spans.iter().map(|span| span.name.as_str()).collect();
    for stage in ["fetch", "render", "plan", "apply", "health"] {
        ensure!(names.contains(stage), "{stage} is missing in {names:?}");
    }
    for span in spans.iter().filter(|span| span.name != "release") {
        ensure!(
            span.parent_span_id == root.span_id,
            "{} hangs elsewhere",
            span.name
        );
        ensure!(
            root.start_time_unix_nano <= span.start_time_unix_nano
                && span.end_time_unix_nano <= root.end_time_unix_nano,
            "{} is not within the release",
            span.name
        );
    }
    let said = format!("{:?}", root.attributes);
    ensure!(said.contains(&commit) && said.contains("healthy"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_tell_how_each_environment_stands() -> Result<()> {
    let shop = Shop::new("metrics").await?;
    let commit = shop.push_maps("first", &[("a", "1"), ("b", "1")])?;
    let agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&commit).await?;
    let labels = format!("namespace=\"{}\",environment=\"shop\"", shop.namespace);
    has(
        &agent,
        &format!("driftless_environment_ready{{{labels},reason=\"InSync\"}} 1"),
    )
    .await?;
    has(
        &agent,
        &format!("driftless_environment_objects{{{labels}}} 2"),
    )
    .await?;
    has(&agent, "driftless_changes_total{action=\"created\"} 2").await?;
    has(&agent, "driftless_releases_total{phase=\"healthy\"} 1").await?;
    has(
        &agent,
        "driftless_api_requests_total{verb=\"patch\",answer=\"2xx\"}",
    )
    .await?;
    shop.push(
        "broken",
        &[("kustomization.yaml", Some("resources: [none.yaml]\n"))],
    )?;
    has(
        &agent,
        &format!("driftless_environment_ready{{{labels},reason=\"RenderFailed\"}} 0"),
    )
    .await?;
    Ok(())
}

async fn has(agent: &Agent, line: &str) -> Result<()> {
    let found = eventually(PATIENCE, || async {
        let text = agent.metrics().await?;
        match text.contains(line) {
            true => Ok(()),
            false => Err(anyhow!("no {line} in\n{text}")),
        }
    });
    Ok(found.await?)
}
