//! A cluster in which nothing happens costs nothing.

use std::time::Duration;

use anyhow::Result;
use e2e::Shop;
use serde_json::json;

/// Long enough for every timer of the agent to come round: polls are every second here.
const QUIET: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_minute_has_no_request_but_watches_and_lease_renewals() -> Result<()> {
    let shop = Shop::new("quiet").await?;
    let first = shop.push_maps("first", &[("a", "1"), ("b", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({ "interval": "1s" })).await?;
    shop.ready_at(&first).await?;
    let mark = shop.settled().await?;
    tokio::time::sleep(QUIET).await; // sleeps because quiet time is what is measured
    let all = shop.requests(mark)?;
    let work = all.work();
    assert!(work.is_empty(), "{}", work.summary());
    assert!(
        !all.is_empty(),
        "the Lease was renewed, so the log does see the agent"
    );
    Ok(())
}
