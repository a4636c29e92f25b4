//! The stage itself: the gateway keeps to the weights, pods come and go without a lost request, and misbehave as told.

use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use e2e::PATIENCE;
use lab::eventually;
use serde_json::json;

use crate::stage::Pair;

pub(crate) async fn routes_by_weight() -> Result<()> {
    let pair = Pair::new("weights", [json!({}), json!({})]).await?;
    // The gateway has to know the pods of both before users come. A good answer alone would not say so: it reads
    // routes a moment late, and the former one may still answer.
    pair.weights(0, 100).await?;
    pair.answers_as("new").await?;
    pair.weights(100, 0).await?;
    pair.answers_as("old").await?;
    let load = pair.stage.load(&pair.host, 300).await?;
    pair.weights(90, 10).await?;
    let share = eventually(PATIENCE, || async {
        let from = load.now();
        tokio::time::sleep(Duration::from_secs(1)).await; // sleeps because the share over a time is what is measured
        let counts = load.since(from).by_version();
        let (old, new) = (
            counts.get("old").copied().unwrap_or(0),
            counts.get("new").copied().unwrap_or(0),
        );
        match (8..=12).contains(&(new * 100 / (old + new).max(1))) {
            true => Ok(()),
            false => Err(anyhow!("{counts:?}")),
        }
    });
    share.await?;
    // Scaling down ends pods that are being asked.
    pair.scale("old", 1).await?;
    pair.weights(0, 100).await?;
    eventually(PATIENCE, || async {
        match pair.ready("old").await? {
            1 => Ok(()),
            other => Err(anyhow!("{other} pods of the old one")),
        }
    })
    .await?;
    eventually(PATIENCE, || async {
        let from = load.now();
        tokio::time::sleep(Duration::from_secs(1)).await; // sleeps because the share over a time is what is measured
        let counts = load.since(from).by_version();
        match counts.contains_key("old") || counts.is_empty() {
            true => Err(anyhow!("{counts:?}")),
            false => Ok(()),
        }
    })
    .await?;
    let failed = load.since(Duration::ZERO).failed();
    ensure!(failed.count() == 0, "{:?}", failed.0.first());
    Ok(())
}

pub(crate) async fn misbehaves_as_told() -> Result<()> {
    let slow_and_wrong = json!({ "FAIL_PERCENT": "10", "LATENCY_MS": "80" });
    let pair = Pair::new("wrong", [json!({}), slow_and_wrong]).await?;
    let load = pair.stage.load(&pair.host, 100).await?;
    pair.weights(0, 100).await?;
    eventually(PATIENCE, || async {
        let samples = load.since(Duration::ZERO);
        match samples.by_version().get("new") {
            Some(200..) => Ok(()),
            other => Err(anyhow!("{other:?} answers of the new one")),
        }
    })
    .await?;
    let samples = load.since(Duration::ZERO);
    let new: Vec<_> = samples
        .0
        .iter()
        .filter(|sample| sample.version.as_deref() == Some("new"))
        .collect();
    let wrong = new.iter().filter(|sample| sample.status == 500).count() * 100 / new.len();
    ensure!((7..=13).contains(&wrong), "{wrong} % answered 500");
    ensure!(
        new.iter()
            .all(|sample| sample.took >= Duration::from_millis(80))
    );
    let query = "sum(rate(traefik_service_requests_total{code=\"500\"}[5s])) > 0";
    eventually(PATIENCE, || async {
        let answer = pair.stage.query(query).await?;
        match answer["data"]["result"][0]["value"][1].as_str() {
            Some(rate) if rate.parse::<f64>()? > 0.0 => Ok(()),
            _ => Err(anyhow!("{answer}")),
        }
    })
    .await?;
    Ok(())
}
