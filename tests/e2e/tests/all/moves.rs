//! An Environment that is pointed at another repository in the middle of a rollout: what serves is known to the old one alone.

use anyhow::{Result, ensure};
use e2e::Shop;
use lab::{BareRepo, unique};
use serde_json::json;
use tempfile::TempDir;

use crate::canaries::{are, command, deployment, opened, pauses, promote, push};

/// Commits to another repository from now on, of another history, and has the Environment follow it.
async fn moves_on(shop: &mut Shop, folder: &TempDir, tag: &str) -> Result<String> {
    shop.repo = BareRepo::create(&folder.path().join(unique("other")))?;
    let commit = push(shop, &[deployment("web", tag, "one")])?;
    let source = json!({ "url": shop.repo.file_url(), "allowRewrite": true });
    shop.change(json!({ "spec": { "source": source } })).await?;
    Ok(commit)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_repository_is_gone_over_to_step_by_step() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (mut shop, _agent, api) = opened("gooff").await?;
    push(&shop, &[deployment("web", "2", "one")])?;
    are(
        &api,
        &shop.namespace,
        &[("web", "4 of 1"), ("web-canary", "1 of 2")],
    )
    .await?;
    pauses(&shop).await?;
    // What was on its way gives way to what the new one has, and what serves goes on serving.
    let third = moves_on(&mut shop, &folder, "3").await?;
    let both = [("web", "4 of 1"), ("web-canary", "1 of 3")];
    are(&api, &shop.namespace, &both).await?;
    pauses(&shop).await?;
    command(&shop, "abort").await?;
    shop.held().await?;
    are(&api, &shop.namespace, &[("web", "4 of 1")]).await?;
    command(&shop, "retry").await?;
    are(&api, &shop.namespace, &both).await?;
    promote(&shop).await?;
    shop.ready_at(&third).await?;
    are(&api, &shop.namespace, &[("web", "4 of 3")]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_repository_has_any_more_serves_on_until_somebody_says_what_to_do() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (mut shop, agent, api) = opened("forgot").await?;
    push(&shop, &[deployment("web", "2", "one")])?;
    let both = [("web", "4 of 1"), ("web-canary", "1 of 2")];
    are(&api, &shop.namespace, &both).await?;
    pauses(&shop).await?;
    // Whoever comes next has neither the old repository nor its mirror.
    drop(agent);
    moves_on(&mut shop, &folder, "3").await?;
    let _agent = shop.agent()?;
    let told = shop.not_ready("RenderFailed").await?;
    for words in ["is not in file://", "push it there", "`none`"] {
        ensure!(told.message.contains(words), "{}", told.message);
    }
    are(&api, &shop.namespace, &both).await?;
    let fourth = push(&shop, &[deployment("web", "4", "none")])?;
    shop.ready_at(&fourth).await?;
    are(&api, &shop.namespace, &[("web", "4 of 4")]).await?;
    // From then on as ever.
    let fifth = push(&shop, &[deployment("web", "5", "one")])?;
    are(
        &api,
        &shop.namespace,
        &[("web", "4 of 4"), ("web-canary", "1 of 5")],
    )
    .await?;
    promote(&shop).await?;
    shop.ready_at(&fifth).await?;
    Ok(())
}
