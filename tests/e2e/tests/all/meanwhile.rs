//! What has to wait for its change is kept as it was applied, and nothing goes past what is refused.

use anyhow::{Context as _, Result, ensure};
use e2e::{PATIENCE, Shop, config_map};
use kube::api::{DeleteParams, Patch, PatchParams};
use lab::{Commit, eventually};
use serde_json::json;

/// A ConfigMap in a wave.
fn map(name: &str, value: &str, wave: i32) -> String {
    let metadata = format!("\n  annotations: {{ driftless.dev/wave: \"{wave}\" }}\ndata:");
    config_map(name, value).replace("\ndata:", &metadata)
}

/// Commits these files, and nothing else.
fn push(shop: &Shop, text: &str, files: &[(&str, String)]) -> Result<String> {
    let list: Vec<_> = files
        .iter()
        .map(|(name, _)| format!("{name}.yaml"))
        .collect();
    let list = format!("resources: [{}]\n", list.join(", "));
    let mut commit = Commit::on("master", text).write("kustomization.yaml", list);
    for (name, text) in files {
        commit = commit.write(&format!("{name}.yaml"), text.clone());
    }
    Ok(shop.repo.commit(commit)?)
}

/// Waits until `name` has `value`.
async fn becomes(shop: &Shop, name: &str, value: &str) -> Result<()> {
    eventually(PATIENCE, || async {
        let values = shop.values().await?;
        let is = values.get(name).map(String::as_str);
        ensure!(is == Some(value), "{values:?}");
        Ok(())
    })
    .await
    .with_context(|| format!("{name} is not {value}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_failed_hook_holds_up_is_put_back_to_what_was_applied() -> Result<()> {
    let shop = Shop::new("meanwhile").await?;
    let hook = |image: &str| {
        let text = format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n  annotations: {{ driftless.dev/hook: before }}\nspec:\n  backoffLimit: 0\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{{ name: main, image: \"{image}\" }}]\n"
        );
        ("migrate", text)
    };
    let app = |value: &str| ("app", config_map("app", value));
    let other = |value: &str| ("other", config_map("other", value));
    let first = push(&shop, "1", &[app("1"), other("1"), hook("migrate:1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let new = ("new", config_map("new", "2"));
    let second = [app("2"), other("2"), new, hook("migrate:failing")];
    push(&shop, "2", &second)?;
    shop.not_ready("HookFailed").await?;
    let mark = shop.mark()?;

    let theirs = Patch::Merge(json!({ "data": { "key": "theirs" } }));
    let params = PatchParams::default();
    shop.maps().patch("app", &params, &theirs).await?;
    becomes(&shop, "app", "1").await?;
    let params = DeleteParams::default();
    shop.maps().delete("other", &params).await?;
    becomes(&shop, "other", "1").await?;
    shop.not_ready("HookFailed").await?;
    shop.settled().await?;
    let writes = shop.requests(mark)?.writes().of("configmaps");
    ensure!(writes.len() == 2, "one each:\n{}", writes.summary());
    ensure!(!shop.values().await?.contains_key("new"), "nothing new");

    let third = push(&shop, "3", &[app("3"), other("3"), hook("migrate:3")])?;
    shop.ready_at(&third).await?;
    becomes(&shop, "app", "3").await?;
    becomes(&shop, "other", "3").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn later_waves_wait_for_what_is_refused() -> Result<()> {
    let shop = Shop::new("refused").await?;
    let ground = |kind: &str| {
        let text = map("ground", "1", -1).replace("kind: ConfigMap", &format!("kind: {kind}"));
        ("ground", text)
    };
    let beside = ("beside", map("beside", "1", -1));
    let late = ("late", map("late", "1", 0));
    let last = ("last", map("last", "1", 1));
    let all = |kind: &str| [ground(kind), beside.clone(), late.clone(), last.clone()];
    push(&shop, "a kind that nobody serves", &all("ConfigMaps"))?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    becomes(&shop, "beside", "1").await?;
    let told = shop.not_ready("ApplyFailed").await?;
    let waits = "; ConfigMap/refused-";
    ensure!(
        told.message.contains("ConfigMaps/ground")
            && told.message.contains(waits)
            && told
                .message
                .ends_with("and 1 more are not applied before that is"),
        "{}",
        told.message
    );
    let values = shop.values().await?;
    ensure!(values.len() == 1, "what comes later waits: {values:?}");
    let good = push(&shop, "corrected", &all("ConfigMap"))?;
    shop.ready_at(&good).await?;
    becomes(&shop, "last", "1").await
}
