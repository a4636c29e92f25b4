//! A bad ConfigMap with a good image: config goes with its revision, and what serves never sees it.

use anyhow::{Result, anyhow, ensure};
use e2e::PATIENCE;
use lab::eventually;
use serde_json::{Value, json};

use crate::show::{Show, Version, canary};

fn banner(text: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "banner" }, "data": { "text": text } })
}

pub(crate) async fn a_bad_one_is_held_with_all_of_its_commit() -> Result<()> {
    let first = Version::good("v1").and(banner("old"));
    let (show, _agent) = Show::open("config", canary(), &first).await?;
    let load = show.users(100).await?;
    let mark = show.shop.mark()?;
    // The same image; the name of the version is told by the config.
    let bad = Version::good("v1")
        .with("VERSION", "v2")
        .with("FAIL_PERCENT", "30")
        .and(banner("new"));
    let bad = show.push(&bad)?;
    show.weighs(10).await?;
    // A stable pod that starts now reads what it is given.
    renew_a_pod(&show).await?;
    let held = show.held(&bad).await?;
    ensure!(held.reason == "AnalysisFailed", "{held:?}");
    show.share(&load, "v1", 100).await?;
    let changes = show.changes(mark)?.of("configmaps");
    for name in ["web", "banner"] {
        let touched = changes.named(name);
        ensure!(touched.is_empty(), "{}", touched.summary());
    }
    ensure!(show.made(mark, "configmaps", "web-canary")? == 1);
    let live = show.api.get(&show.path("v1", "configmaps/banner")).await?;
    ensure!(live["data"]["text"] == "old", "{live}");
    show.is_gone("v1", "configmaps/web-canary").await?;
    show.note("bad ConfigMap, good image", &load, ("v2", mark))
        .await
}

/// Deletes a pod of the stable version, and waits until another one serves in its place.
async fn renew_a_pod(show: &Show) -> Result<()> {
    let pods = format!("{}?labelSelector=app%3Dweb", show.path("v1", "pods"));
    let all = show.api.get(&pods).await?;
    let name = all["items"][0]["metadata"]["name"].as_str();
    let name = name.ok_or_else(|| anyhow!("no pod: {all}"))?.to_owned();
    show.api
        .delete(&show.path("v1", &format!("pods/{name}")))
        .await?;
    eventually(PATIENCE, || async {
        let web = show
            .api
            .get(&show.path("apps/v1", "deployments/web"))
            .await?;
        let gone = show
            .api
            .get(&show.path("v1", &format!("pods/{name}")))
            .await;
        match (&web["status"]["readyReplicas"], gone) {
            (ready, Err(_)) if *ready == 4 => Ok(()),
            (ready, _) => Err(anyhow!("{ready} are ready")),
        }
    })
    .await?;
    Ok(())
}
