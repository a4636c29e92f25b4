//! From the start of the process to its first write.

use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::{Agent, AgentOptions, PATIENCE, Shop, World};
use jiff::Timestamp;
use lab::{audit::Entry, eventually};
use serde_json::json;

use crate::{
    commit::since,
    load::{RESOURCES, commit, objects},
    table::{Table, millis, percentile},
};

/// Starts measured.
const STARTS: usize = 5;
/// Objects there are to make.
const OBJECTS: usize = 10;

/// Starts agents for Environments that wait for one.
pub(crate) async fn measure(world: &'static World) -> Result<Table> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        times.push(start(world).await?);
    }
    let title = "Cold start: from the start of the process to the first write of an object";
    let mut table = Table::new(title, ["starts", "p50", "worst"]);
    table.row(vec![
        times.len().to_string(),
        millis(percentile(&times, 50)),
        millis(percentile(&times, 100)),
    ]);
    Ok(table)
}

/// One start that is not counted: for 2 s after a CRD was made, the API server holds back whatever is made of its kind.
pub(crate) async fn warm_up(world: &'static World) -> Result<()> {
    start(world).await.map(drop)
}

async fn start(world: &'static World) -> Result<Duration> {
    let shop = Shop::within(world, "cold").await?;
    shop.repo
        .commit(commit("master", &objects(OBJECTS), "v0"))?;
    shop.environment(json!({})).await?;
    let mark = shop.mark()?;
    let options = AgentOptions {
        log: "info".to_owned(),
        ..AgentOptions::alone(&shop.namespace)
    };
    let began = Timestamp::now();
    let _agent = Agent::start(world, options)?;
    let written = |entry: &Entry| RESOURCES.contains(&&*entry.resource) && entry.succeeded();
    let first = eventually(PATIENCE, || async {
        let writes = shop.requests(mark)?.writes().only(written);
        let first = writes.iter().map(|entry| entry.received).min();
        first.context("nothing is written yet")
    });
    since(began, first.await?)
}
