//! StatefulSets and DaemonSets go step by step in their own place, and back.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use api::{names, v1alpha1::EnvironmentStatus};
use e2e::{Agent, PATIENCE, Shop};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::ListParams};
use lab::eventually;
use serde_json::{Value, json};

/// A shop of one workload, and a strategy that waits for somebody at each step.
async fn open(name: &str, kind: &str, steps: Value) -> Result<(Shop, Agent)> {
    let shop = Shop::new(name).await?;
    let strategy = json!({ "steps": steps, "progressDeadline": "8s" });
    shop.strategy("stepwise", strategy).await?;
    let agent = shop.agent()?;
    let commit = push(&shop, kind, "one")?;
    let rules = json!([{ "strategy": "stepwise" }]);
    shop.environment(json!({ "strategies": rules, "timeout": "2m" }))
        .await?;
    shop.ready_at(&commit).await?;
    Ok((shop, agent))
}

fn push(shop: &Shop, kind: &str, tag: &str) -> Result<String> {
    let mut spec = json!({
        "selector": { "matchLabels": { "app": "db" } },
        "template": {
            "metadata": { "labels": { "app": "db" } },
            "spec": { "containers": [{ "name": "db", "image": format!("registry.example/db:{tag}") }] },
        },
    });
    if kind == "StatefulSet" {
        (spec["replicas"], spec["serviceName"]) = (json!(4), json!("db"));
    }
    let object = json!({ "apiVersion": "apps/v1", "kind": kind, "metadata": { "name": "db" }, "spec": spec });
    let files = [
        ("kustomization.yaml", Some("resources: [db.yaml]\n")),
        ("db.yaml", Some(&*object.to_string())),
    ];
    shop.push(tag, &files)
}

/// How many ready pods there are of each tag.
async fn pods(shop: &Shop) -> Result<BTreeMap<String, usize>> {
    let api: Api<Pod> = Api::namespaced(shop.client.clone(), &shop.namespace);
    let mut counts = BTreeMap::new();
    for pod in api.list(&ListParams::default()).await? {
        let conditions = pod.status.and_then(|status| status.conditions);
        let ready = conditions.into_iter().flatten();
        let mut ready = ready.filter(|one| one.type_ == "Ready" && one.status == "True");
        let image = pod.spec.and_then(|spec| spec.containers.into_iter().next());
        let image = image.and_then(|container| container.image);
        let tag = image.and_then(|image| Some(image.rsplit_once(':')?.1.to_owned()));
        if ready.next().is_some() && pod.metadata.deletion_timestamp.is_none() {
            *counts.entry(tag.context("no image")?).or_default() += 1;
        }
    }
    Ok(counts)
}

/// Waits until the rollout stands at `step`, with these pods, and sends it on.
async fn at_step(shop: &Shop, step: &str, expected: &[(&str, usize)]) -> Result<()> {
    let waits = |status: &EnvironmentStatus| {
        status.rollout.as_ref().is_some_and(|rollout| {
            rollout.step.as_deref() == Some(step) && rollout.message.contains("promote")
        })
    };
    shop.status(step, waits).await?;
    are(shop, expected).await.with_context(|| step.to_owned())?;
    let command = json!({ "id": step, "action": "promote", "by": "ada" });
    let annotations = json!({ names::ROLLOUT_COMMAND: command.to_string() });
    shop.change(json!({ "metadata": { "annotations": annotations } }))
        .await
}

async fn are(shop: &Shop, expected: &[(&str, usize)]) -> Result<()> {
    let expected = expected
        .iter()
        .map(|(tag, count)| ((*tag).to_owned(), *count));
    let expected: BTreeMap<String, usize> = expected.collect();
    eventually(PATIENCE, || async {
        let counts = pods(shop).await?;
        ensure!(counts == expected, "{counts:?}, not {expected:?}");
        Ok(())
    })
    .await?;
    Ok(())
}

/// A version that never becomes ready is sent back, and all pods are of the good one again.
async fn goes_back(shop: &Shop, kind: &str, all: &[(&str, usize)]) -> Result<()> {
    let bad = push(shop, kind, "broken")?;
    let held = shop.held().await?;
    ensure!(
        held.revision == bad && held.reason == "CanaryNotReady",
        "{held:?}"
    );
    are(shop, all).await
}

fn steps(amounts: [&str; 2]) -> Value {
    let amount = |text: &str| {
        text.parse::<u32>()
            .map_or_else(|_| json!(text), |count| json!(count))
    };
    json!([
        { "replicas": amount(amounts[0]) }, { "pause": {} },
        { "replicas": amount(amounts[1]) }, { "pause": {} },
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stateful_set_goes_by_partition_and_comes_back() -> Result<()> {
    let (shop, _agent) = open("partition", "StatefulSet", steps(["1", "75%"])).await?;
    let second = push(&shop, "StatefulSet", "two")?;
    at_step(&shop, "2/4 pause", &[("one", 3), ("two", 1)]).await?;
    at_step(&shop, "4/4 pause", &[("one", 1), ("two", 3)]).await?;
    shop.ready_at(&second).await?;
    are(&shop, &[("two", 4)]).await?;
    goes_back(&shop, "StatefulSet", &[("two", 4)]).await?;
    let third = push(&shop, "StatefulSet", "three")?;
    at_step(&shop, "2/4 pause", &[("two", 3), ("three", 1)]).await?;
    at_step(&shop, "4/4 pause", &[("two", 1), ("three", 3)]).await?;
    shop.ready_at(&third).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_set_goes_pod_by_pod_and_comes_back() -> Result<()> {
    let (shop, _agent) = open("daemons", "DaemonSet", steps(["1", "60%"])).await?;
    let mark = shop.mark()?;
    let second = push(&shop, "DaemonSet", "two")?;
    at_step(&shop, "2/4 pause", &[("one", 2), ("two", 1)]).await?;
    at_step(&shop, "4/4 pause", &[("one", 1), ("two", 2)]).await?;
    let gone = shop.requests(mark)?.of("pods");
    let gone = gone.only(|entry| entry.verb == "delete" && entry.succeeded());
    ensure!(gone.len() == 2, "one at a time:\n{}", gone.summary());
    shop.ready_at(&second).await?;
    are(&shop, &[("two", 3)]).await?;
    goes_back(&shop, "DaemonSet", &[("two", 3)]).await
}

/// Since when the pause of the second step counts, as it is stored; the step after it otherwise.
fn pause(status: &EnvironmentStatus) -> (Option<String>, u64) {
    let rollout = status
        .rollout
        .as_ref()
        .map(|rollout| &rollout.state["rollout"]);
    let rollout = rollout.cloned().unwrap_or_default();
    let reached = rollout["phase"]["reached"].as_str().map(str::to_owned);
    (reached, rollout["step"].as_u64().unwrap_or(u64::MAX))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_in_place_outlives_the_agent() -> Result<()> {
    let steps = json!([
        { "replicas": 1 }, { "pause": { "for": "40s" } }, { "replicas": "75%" }, { "pause": {} },
    ]);
    let (shop, mut agent) = open("resting", "StatefulSet", steps).await?;
    push(&shop, "StatefulSet", "two")?;
    let there = |status: &EnvironmentStatus| {
        let (reached, step) = pause(status);
        step == 1 && reached.is_some()
    };
    let began = pause(&shop.status("the pause", there).await?).0;
    for _ in 0..2 {
        agent.process.kill();
        agent = Agent::start(
            shop.world,
            e2e::AgentOptions {
                lease_seconds: 3,
                ..agent.options.clone()
            },
        )?;
        let mark = shop.mark()?;
        // It has looked once it reads the workload.
        eventually(PATIENCE, || async {
            let reads = shop.requests(mark)?.of("statefulsets").named("db");
            ensure!(!reads.is_empty(), "it has not looked");
            Ok(())
        })
        .await?;
    }
    let on = |status: &EnvironmentStatus| pause(status).1 != 1;
    let counted = std::sync::Mutex::new(std::collections::BTreeSet::new());
    let watched = |status: &EnvironmentStatus| {
        if let (Some(reached), 1) = pause(status) {
            counted.lock().expect("nobody panics here").insert(reached);
        }
        on(status)
    };
    shop.status("the next step", watched).await?;
    let counted = counted.into_inner()?;
    ensure!(!counted.is_empty(), "the pause was not seen");
    ensure!(
        counted.iter().all(|one| Some(one) == began.as_ref()),
        "counted anew: {counted:?}, not since {began:?}"
    );
    Ok(())
}
