//! Hooks and Jobs as numbers where two namespaces take turns: on which side they run, and what waits for them.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lab::audit::{Entries, Entry, Mark};
use serde_json::{Value, json};

use crate::{
    canary::nobody_lost,
    show::Version,
    sides::{Two, strategy},
};

fn job(name: &str, point: Option<&str>, tag: &str) -> Value {
    let main = json!({ "name": "main", "image": format!("registry.example/{name}:{tag}") });
    let mut job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": name },
        "spec": {
            "backoffLimit": 0,
            "template": { "spec": { "restartPolicy": "Never", "containers": [main] } },
        },
    });
    if let Some(point) = point {
        job["metadata"]["annotations"] = json!({ "driftless.dev/hook": point });
    }
    job
}

/// The Jobs that were made since `mark`.
fn made(two: &Two, mark: Mark) -> Result<Entries> {
    let made = |entry: &Entry| entry.verb == "patch" && entry.code == 201;
    Ok(two.show.shop.requests(mark)?.of("jobs").only(made))
}

/// `migrate green`, in the order in which they were made.
fn places(two: &Two, mark: Mark) -> Result<Vec<String>> {
    let made = made(two, mark)?;
    let told = made.iter().map(|entry| {
        let name = entry.name.rsplit_once('-').map_or("", |(name, _)| name);
        let side = entry
            .namespace
            .rsplit_once('-')
            .map_or("", |(_, side)| side);
        format!("{name} {side}")
    });
    Ok(told.collect())
}

/// The first Deployment that was written in `namespace`.
fn first_pods(two: &Two, mark: Mark, namespace: &str) -> Result<Option<Entry>> {
    let writes = two.show.shop.requests(mark)?.of("deployments").writes();
    let there = writes.within(namespace);
    Ok(there.first().cloned())
}

pub(crate) async fn run_on_the_side_that_is_on_its_way() -> Result<()> {
    let (two, _agent) = Two::open("workers", "1h", 1).await?;
    let mut gated = strategy(&two.blue, &two.green, ("1h", 1));
    let smoke =
        json!({ "name": "smoke", "from": { "job": { "spec": job("smoke", None, "1")["spec"] } } });
    gated["steps"][1] = json!({ "analysis": { "count": 1, "interval": "1s", "metrics": [smoke] } });
    two.show.strategy(gated).await?;
    let load = two.show.users(100).await?;
    let mark = two.show.shop.mark()?;
    let second = Version::good("v2")
        .and(job("migrate", Some("before"), "1"))
        .and(job("announce", Some("after"), "1"));
    let second = two.show.push(&second)?;
    two.show.shop.ready_at(&second).await?;
    two.show.share(&load, "v2", 100).await?;
    let places = places(&two, mark)?;
    ensure!(
        places == ["migrate green", "smoke green", "announce green"],
        "{places:?}"
    );
    let all = made(&two, mark)?;
    let pods = first_pods(&two, mark, &two.green)?.context("no pods")?;
    ensure!(all[0].received < pods.received && pods.received < all[1].received);
    let routes = two.show.shop.requests(mark)?.of("httproutes").writes();
    let switch = routes.last().context("no switch")?;
    ensure!(all[1].received < switch.received && switch.received < all[2].received);
    let body = all[1].request.clone().context("what was sent")?;
    let told = body["spec"]["template"]["spec"]["containers"][0]["env"].as_array();
    let named = json!({ "name": "DRIFTLESS_NAMESPACE", "value": two.green });
    ensure!(told.is_some_and(|told| told.contains(&named)), "{told:?}");

    // A migration that fails: nobody notices, and what tells of it runs where the good one serves.
    let mark = two.show.shop.mark()?;
    let third = Version::good("v3")
        .and(job("migrate", Some("before"), "failing"))
        .and(job("announce", Some("after"), "1"))
        .and(job("tell", Some("failed"), "1"));
    let third = two.show.push(&third)?;
    let held = two.show.held(&third).await?;
    ensure!(held.reason == "HookFailed", "{held:?}");
    lab::eventually(e2e::PATIENCE, || async {
        let places = self::places(&two, mark)?;
        ensure!(places == ["migrate blue", "tell green"], "{places:?}");
        Ok(())
    })
    .await?;
    let third = two.show.shop.requests(mark)?.of("deployments").writes();
    let third = third.only(|entry| {
        let body = entry.request.clone().unwrap_or_default();
        body.to_string().contains("lab/app:v3")
    });
    ensure!(third.is_empty(), "{}", third.summary());
    two.show.share(&load, "v2", 100).await?;
    nobody_lost(&load.since(Duration::ZERO))
}
