//! What was applied before is kept up while something newer has to wait, or cannot be applied.

use anyhow::{Context as _, Result, ensure};
use e2e::{PATIENCE, Shop, config_map, ready};
use kube::api::{Patch, PatchParams};
use lab::{Commit, eventually};
use serde_json::json;

/// An object that no API server takes.
const INVALID: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: Not-A-Name\n";

/// Commits an overlay of one ConfigMap, called like the overlay, and whatever else stands in `more`.
fn overlay(commit: Commit, name: &str, value: &str, more: Option<&str>) -> Commit {
    let list = match more {
        None => "resources: [map.yaml]\n",
        Some(_) => "resources: [map.yaml, more.yaml]\n",
    };
    let commit = commit
        .write(&format!("{name}/kustomization.yaml"), list)
        .write(&format!("{name}/map.yaml"), config_map(name, value));
    match more {
        None => commit,
        Some(text) => commit.write(&format!("{name}/more.yaml"), text),
    }
}

async fn told(shop: &Shop, name: &str, reason: &str) -> Result<()> {
    eventually(PATIENCE, || async {
        let status = shop.environments().get(name).await?.status;
        let status = status.unwrap_or_default();
        let told = ready(&status).context("nothing told")?;
        ensure!(told.reason == reason, "{}: {}", told.reason, told.message);
        Ok(())
    })
    .await
    .with_context(|| name.to_owned())
}

/// Somebody edits a map, and it is put back to `value`; what is new stays away.
async fn drifts(shop: &Shop, map: &str, value: &str) -> Result<()> {
    let by_hand = Patch::Merge(json!({ "data": { "key": "by hand" } }));
    shop.maps()
        .patch(map, &PatchParams::default(), &by_hand)
        .await?;
    eventually(PATIENCE, || async {
        let values = shop.values().await?;
        ensure!(values[map] == value, "{values:?}");
        Ok(())
    })
    .await
    .with_context(|| format!("{map} is not put right"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_is_put_right_while_others_are_waited_for() -> Result<()> {
    let shop = Shop::new("upkeep").await?;
    let commit = |value: &str, more| {
        let commit = Commit::on("master", value);
        overlay(overlay(commit, "below", value, more), "above", value, None)
    };
    shop.repo.commit(commit("1", None))?;
    let _agent = shop.agent()?;
    let spec = |path: &str| json!({ "source": { "path": path } });
    shop.environment_named("below", spec("below")).await?;
    let mut above = spec("above");
    above["dependsOn"] = json!([{ "name": "below" }]);
    shop.environment_named("above", above).await?;
    told(&shop, "above", "InSync").await?;
    shop.repo.commit(commit("2", Some(INVALID)))?;
    told(&shop, "below", "ApplyFailed").await?;
    told(&shop, "above", "DependencyNotReady").await?;
    drifts(&shop, "above", "1").await?;
    told(&shop, "above", "DependencyNotReady").await?;
    shop.repo.commit(commit("3", None))?;
    told(&shop, "above", "InSync").await?;
    let values = shop.values().await?;
    ensure!(values["above"] == "3", "{values:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_is_put_right_while_a_hook_is_refused() -> Result<()> {
    let shop = Shop::new("lacking").await?;
    let commit = |value: &str, more| overlay(Commit::on("master", value), "app", value, more);
    shop.repo.commit(commit("1", None))?;
    let _agent = shop.agent()?;
    shop.environment(json!({ "source": { "path": "app" } }))
        .await?;
    told(&shop, "shop", "InSync").await?;
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: migrate\n  annotations: { driftless.dev/hook: before }\nspec:\n  containers: [{ name: main, image: migrate:1 }]\n";
    shop.repo.commit(commit("2", Some(pod)))?;
    told(&shop, "shop", "ApplyFailed").await?;
    drifts(&shop, "app", "1").await?;
    told(&shop, "shop", "ApplyFailed").await?;
    let last = shop
        .repo
        .commit(commit("3", None).remove("app/more.yaml"))?;
    shop.ready_at(&last).await?;
    let values = shop.values().await?;
    ensure!(values["app"] == "3", "{values:?}");
    Ok(())
}
