//! What an agent costs that has nothing to do.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{
    commit::Site,
    table::{Table, megabytes},
};

/// How long a quiet agent is watched.
const QUIET: Duration = Duration::from_secs(30);
/// After this nothing is left of what came before.
const SETTLE: Duration = Duration::from_secs(4);

/// Requests while nothing happens and Git is asked every second.
pub(crate) async fn requests(site: &Site) -> Result<Table> {
    site.shop
        .change(json!({ "spec": { "interval": "1s" } }))
        .await?;
    tokio::time::sleep(SETTLE).await; // sleeps because quiet time is what is measured
    let mark = site.shop.mark()?;
    tokio::time::sleep(QUIET).await; // sleeps because quiet time is what is measured
    let all = site.shop.requests(mark)?;
    ensure!(!all.is_empty(), "the log does not see the agent at all");
    let work = all.work();
    ensure!(work.len() < 100, "not quiet:\n{}", work.summary());
    let title = "Quiet: requests while nothing happens and Git is asked every second";
    let mut table = Table::new(
        title,
        [
            "objects",
            "seconds",
            "watches and lease renewals",
            "anything else",
        ],
    );
    table.row(vec![
        site.objects.len().to_string(),
        QUIET.as_secs().to_string(),
        (all.len() - work.len()).to_string(),
        work.len().to_string(),
    ]);
    Ok(table)
}

/// The table of memory.
pub(crate) fn memory_table() -> Table {
    Table::new(
        "Memory of the agent (resident)",
        ["way", "objects", "idle", "peak"],
    )
}

/// Its line for one site.
pub(crate) async fn memory(site: &Site) -> Vec<String> {
    tokio::time::sleep(SETTLE).await; // sleeps because idle memory is what is measured
    let process = &site.agent.process;
    vec![
        site.way.name().to_owned(),
        site.objects.len().to_string(),
        megabytes(process.resident_bytes()),
        megabytes(process.peak_bytes()),
    ]
}
