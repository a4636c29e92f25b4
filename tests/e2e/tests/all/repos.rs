//! Config repos that are left and come back to, refuse what they are shown, or are asked at another pace.

use anyhow::{Result, ensure};
use e2e::{Agent, AgentOptions, PATIENCE, Shop, config_map, is_ready};
use kube::api::{Patch, PatchParams};
use lab::{Fault, GitHttp, audit::Mark, eventually, git::Auth, git::HttpOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    canaries::{are, command, deployment, pauses, push, strategy},
    faults::{over, secret, served},
};

/// The repository of the shop, for everybody.
async fn open_to_all(shop: &Shop) -> Result<GitHttp> {
    let root = shop.repo.path().parent().unwrap_or(shop.repo.path());
    Ok(GitHttp::start(root, HttpOptions::plain()).await?)
}

/// Has the Environment follow what `server` serves, and waits until that was acted on.
async fn moves_to(shop: &Shop, server: &GitHttp) -> Result<()> {
    let source = json!({ "url": server.url("config.git") });
    shop.change(json!({ "spec": { "source": source } })).await?;
    let environment = shop.environments().get("shop").await?;
    let generation = environment.metadata.generation;
    shop.status("acted on", |status| {
        status.observed_generation == generation
    })
    .await?;
    Ok(())
}

/// Waits until the Environment called `name` is ready at `commit`.
async fn is_at(shop: &Shop, name: &str, commit: &str) -> Result<()> {
    eventually(PATIENCE, || async {
        let environment = shop.environments().get(name).await?;
        let status = environment.status.unwrap_or_default();
        let there = status.revision.applied.as_deref() == Some(commit) && is_ready(&status);
        ensure!(there, "{name}: {}", serde_json::to_string(&status)?);
        Ok(())
    })
    .await?;
    Ok(())
}

async fn edit(shop: &Shop) -> Result<()> {
    let theirs = Patch::Merge(json!({ "data": { "key": "theirs" } }));
    shop.maps()
        .patch("a", &PatchParams::default(), &theirs)
        .await?;
    Ok(())
}

/// Waits until the ConfigMap `a` is as it was applied.
async fn put_right(shop: &Shop, value: &str) -> Result<()> {
    eventually(PATIENCE, || async {
        let data = shop.maps().get("a").await?.data.unwrap_or_default();
        ensure!(data["key"] == value, "drift is not repaired: {data:?}");
        Ok(())
    })
    .await?;
    Ok(())
}

/// Waits until the agent has read the Secret twice, so that it was refused each time before.
async fn refused_twice(shop: &Shop, mark: Mark) -> Result<()> {
    shop.not_ready("AuthenticationFailed").await?;
    eventually(PATIENCE, || async {
        let reads = shop.requests(mark)?.of("secrets");
        let reads = reads.only(|entry| entry.name == "git").len();
        ensure!(reads >= 2, "the Secret was read {reads} times");
        Ok(())
    })
    .await?;
    Ok(())
}

/// A password, which the server takes for right or not.
async fn password(shop: &Shop, server: &GitHttp, word: &str) -> Result<()> {
    let login = json!({ "username": "agent", "password": word });
    secret(shop, server, login).await
}

fn only(word: &str) -> Auth {
    Auth::Basic("agent".into(), word.into())
}

/// An agent whose cache outlives it, and whose silence is noticed soon.
fn agent(shop: &Shop, cache: &TempDir) -> Result<Agent> {
    let options = AgentOptions {
        lease_seconds: 3,
        cache: Some(cache.path().to_owned()),
        ..AgentOptions::alone(&shop.namespace)
    };
    Agent::start(shop.world, options)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repo_that_was_left_is_followed_again() -> Result<()> {
    let shop = Shop::new("backagain").await?;
    let (one, dead) = (open_to_all(&shop).await?, open_to_all(&shop).await?);
    dead.fault(Fault::Down).await;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({ "source": { "url": one.url("config.git") } }))
        .await?;
    shop.ready_at(&first).await?;
    moves_to(&shop, &dead).await?;
    shop.not_ready("FetchFailed").await?;
    let second = shop.push_maps("second", &[("a", "2")])?;
    moves_to(&shop, &one).await?;
    shop.ready_at(&second).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repo_that_the_last_one_has_left_can_be_followed_by_others() -> Result<()> {
    let shop = Shop::new("nextone").await?;
    let (one, other) = (open_to_all(&shop).await?, open_to_all(&shop).await?);
    let two = config_map("two", "1");
    let files = [
        ("two/kustomization.yaml", Some("resources: [two.yaml]\n")),
        ("two/two.yaml", Some(&*two)),
    ];
    shop.push("for another", &files)?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let _agent = shop.agent()?;
    let url = one.url("config.git");
    shop.environment(json!({ "source": { "url": url } }))
        .await?;
    shop.ready_at(&first).await?;
    moves_to(&shop, &other).await?;
    shop.ready_at(&first).await?;
    shop.environment_named("two", json!({ "source": { "url": url, "path": "two" } }))
        .await?;
    is_at(&shop, "two", &first).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_is_kept_up_while_the_repo_to_go_on_with_cannot_be_read() -> Result<()> {
    let shop = Shop::new("gonowhere").await?;
    let (one, dead) = (open_to_all(&shop).await?, open_to_all(&shop).await?);
    dead.fault(Fault::Down).await;
    // Nothing was ever to be rendered from here.
    let other = config_map("a", "never");
    let files = [
        ("other/kustomization.yaml", Some("resources: [a.yaml]\n")),
        ("other/a.yaml", Some(&*other)),
    ];
    shop.push("of no concern", &files)?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({ "source": { "url": one.url("config.git") } }))
        .await?;
    shop.ready_at(&first).await?;
    shop.change(
        json!({ "spec": { "source": { "path": "other", "url": dead.url("config.git") } } }),
    )
    .await?;
    shop.not_ready("FetchFailed").await?;
    edit(&shop).await?;
    put_right(&shop, "1").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_is_kept_up_with_an_expired_token_and_after_a_kill() -> Result<()> {
    let (shop, cache) = (Shop::new("expired").await?, tempfile::tempdir()?);
    let server = served(&shop, only("right")).await?;
    password(&shop, &server, "right").await?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let killed = agent(&shop, &cache)?;
    shop.environment(over(&server)).await?;
    shop.ready_at(&first).await?;
    let mark = shop.mark()?;
    server.set_auth(only("renewed"));
    refused_twice(&shop, mark).await?;
    edit(&shop).await?;
    put_right(&shop, "1").await?;
    password(&shop, &server, "renewed").await?;
    let second = shop.push_maps("second", &[("a", "2")])?;
    shop.ready_at(&second).await?;
    server.fault(Fault::Down).await;
    killed.process.kill();
    drop(killed);
    edit(&shop).await?;
    let _again = agent(&shop, &cache)?;
    put_right(&shop, "2").await?;
    shop.not_ready("FetchFailed").await?;
    let third = shop.push_maps("third", &[("a", "3")])?;
    server.fault(Fault::None).await;
    shop.ready_at(&third).await?;
    Ok(())
}

/// A shop with a rollout under way, and what it takes to go on with it.
async fn rolling(name: &str) -> Result<(Shop, GitHttp, TempDir, Agent)> {
    let (shop, cache) = (Shop::new(name).await?, tempfile::tempdir()?);
    strategy(&shop).await?;
    let server = served(&shop, only("right")).await?;
    password(&shop, &server, "right").await?;
    let first = push(&shop, &[deployment("web", "1", "one")])?;
    let agent = agent(&shop, &cache)?;
    shop.environment(over(&server)).await?;
    shop.ready_at(&first).await?;
    push(&shop, &[deployment("web", "2", "one")])?;
    pauses(&shop).await?;
    Ok((shop, server, cache, agent))
}

/// Waits until both versions stand, or the one that was there before.
async fn stand(shop: &Shop, both: bool) -> Result<()> {
    let api = shop.world.control_plane.api()?;
    let all = [("web", "4 of 1"), ("web-canary", "1 of 2")];
    are(&api, &shop.namespace, &all[..=usize::from(both)]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_can_be_aborted_while_the_token_is_expired() -> Result<()> {
    let (shop, server, _cache, _agent) = rolling("expiring").await?;
    let mark = shop.mark()?;
    server.set_auth(only("renewed"));
    refused_twice(&shop, mark).await?;
    stand(&shop, true).await?;
    command(&shop, "abort").await?;
    stand(&shop, false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_goes_on_after_a_kill_while_git_is_away() -> Result<()> {
    let (shop, server, cache, killed) = rolling("awaykill").await?;
    server.fault(Fault::Down).await;
    killed.process.kill();
    drop(killed);
    let mark = shop.mark()?;
    let _again = agent(&shop, &cache)?;
    shop.not_ready("FetchFailed").await?;
    let work = shop.requests(mark)?.of("deployments").writes();
    ensure!(work.is_empty(), "{}", work.summary());
    stand(&shop, true).await?;
    command(&shop, "abort").await?;
    stand(&shop, false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_was_put_right_is_taken_up() -> Result<()> {
    let shop = Shop::new("certificate").await?;
    let server = served(&shop, Auth::Nobody).await?;
    let stranger = served(&shop, Auth::Nobody).await?;
    secret(&shop, &stranger, json!({})).await?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(over(&server)).await?;
    let told = shop.not_ready("FetchFailed").await?;
    ensure!(told.message.contains("ca.crt"), "{}", told.message);
    secret(&shop, &server, json!({})).await?;
    shop.ready_at(&first).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shorter_interval_counts_from_now_on() -> Result<()> {
    let shop = Shop::new("interval").await?;
    let server = open_to_all(&shop).await?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let _agent = shop.agent()?;
    let every = |interval: &str| -> Value {
        json!({ "source": { "url": server.url("config.git") }, "interval": interval })
    };
    shop.environment(every("1h")).await?;
    shop.ready_at(&first).await?;
    shop.environment(every("1s")).await?;
    let second = shop.push_maps("second", &[("a", "2")])?;
    shop.ready_at(&second).await?;
    // The one before may have been found by the look that the change was worth.
    let third = shop.push_maps("third", &[("a", "3")])?;
    shop.ready_at(&third).await?;
    Ok(())
}
