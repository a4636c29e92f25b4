//! What was applied before is kept up while something newer has to wait, or cannot be applied.

use anyhow::{Context as _, Result, ensure};
use api::v1alpha1::EnvironmentStatus;
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

async fn path_is(shop: &Shop, path: &str) -> Result<()> {
    let status = shop.environments().get("shop").await?.status;
    let noted = status.unwrap_or_default().revision.path;
    ensure!(noted.as_deref() == Some(path), "{noted:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_is_put_right_from_the_path_that_was_applied_while_another_cannot_be() -> Result<()> {
    let shop = Shop::new("moved").await?;
    let old = |value: &str| overlay(Commit::on("master", value), "old", value, None);
    shop.repo.commit(old("1"))?;
    let agent = shop.agent()?;
    let source = |path: &str| json!({ "source": { "path": path } });
    shop.environment(source("old")).await?;
    told(&shop, "shop", "InSync").await?;
    path_is(&shop, "old").await?;
    // At the same commit, where there is nothing.
    shop.environment(source("new")).await?;
    told(&shop, "shop", "RenderFailed").await?;
    drifts(&shop, "old", "1").await?;
    // At another one, where it is of no use.
    let broken = old("2").write("new/kustomization.yaml", "resources: [gone.yaml]\n");
    let second = shop.repo.commit(broken)?;
    let seen = |status: &EnvironmentStatus| status.revision.seen.as_ref() == Some(&second);
    shop.status("seen", seen).await?;
    drifts(&shop, "old", "1").await?;
    // Nobody remembers but the status.
    agent.process.terminate();
    agent.process.wait(PATIENCE).await?;
    let _again = shop.agent()?;
    drifts(&shop, "old", "1").await?;
    told(&shop, "shop", "RenderFailed").await?;
    shop.environment(source("../beyond")).await?;
    told(&shop, "shop", "InvalidSpec").await?;
    drifts(&shop, "old", "1").await?;
    path_is(&shop, "old").await?;

    shop.environment(source("new")).await?;
    let last = shop.repo.commit(overlay(old("3"), "new", "3", None))?;
    shop.ready_at(&last).await?;
    path_is(&shop, "new").await?;
    let values = shop.values().await?;
    ensure!(values["new"] == "3" && values.len() == 1, "{values:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_is_put_right_from_the_path_that_was_applied_while_another_waits() -> Result<()> {
    let shop = Shop::new("moved-later").await?;
    let both = |value: &str| {
        let old = overlay(Commit::on("master", value), "old", value, None);
        overlay(old, "new", value, None)
    };
    shop.repo.commit(both("1"))?;
    let _agent = shop.agent()?;
    shop.environment(json!({ "source": { "path": "old" } }))
        .await?;
    told(&shop, "shop", "InSync").await?;
    shop.environment(json!({ "suspend": true })).await?;
    told(&shop, "shop", "Suspended").await?;
    shop.repo.commit(both("2"))?;
    let never = json!([{ "kind": "deny", "schedule": "* * * * *", "duration": "1h" }]);
    shop.environment(json!({ "source": { "path": "new" }, "windows": never }))
        .await?;
    told(&shop, "shop", "OutsideWindow").await?;
    drifts(&shop, "old", "1").await?;
    path_is(&shop, "old").await?;
    shop.environment(json!({ "source": { "path": "new" } }))
        .await?;
    told(&shop, "shop", "InSync").await?;
    let values = shop.values().await?;
    ensure!(values["new"] == "2" && values.len() == 1, "{values:?}");
    Ok(())
}
