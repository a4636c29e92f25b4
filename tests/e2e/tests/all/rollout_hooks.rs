//! Hooks of what goes out step by step: a migration before the first pod, a word after promotion or rejection, each once.

use anyhow::{Context as _, Result, ensure};
use api::v1alpha1::{EnvironmentStatus, HookPoint, HookRecord, HookResult, Phase, Release};
use e2e::{Agent, PATIENCE, Shop};
use lab::{
    audit::{Entries, Entry, Mark},
    control_plane::Api,
    eventually,
};
use serde_json::{Value, json};

use crate::{
    canaries::{are, command, deployment, pauses, promote},
    hooks::made,
    job_metrics::{heal, held},
};

/// A Job that reads the ConfigMap `settings`. The image decides how it ends; see the lab's stages.
fn hook(name: &str, point: &str, tag: &str) -> Value {
    let main = json!({
        "name": "main", "image": format!("{name}:{tag}"),
        "envFrom": [{ "configMapRef": { "name": "settings" } }],
    });
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": { "name": name, "annotations": { "driftless.dev/hook": point } },
        "spec": {
            "backoffLimit": 0,
            "template": { "spec": { "restartPolicy": "Never", "containers": [main] } },
        },
    })
}

/// Commits a version of the shop: its settings change under their name, and these are its hooks.
fn push(shop: &Shop, tag: &str, hooks: &[(&str, &str, &str)]) -> Result<String> {
    let mut objects = vec![
        deployment("web", tag, "stepped"),
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "settings" }, "data": { "key": tag } }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
            "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] },
        }),
    ];
    objects.extend(
        hooks
            .iter()
            .map(|(name, point, tag)| hook(name, point, tag)),
    );
    crate::canaries::push(shop, &objects)
}

const MIGRATE: (&str, &str, &str) = ("migrate", "before", "1");
const ANNOUNCE: (&str, &str, &str) = ("announce", "after", "1");
const TELL: (&str, &str, &str) = ("tell", "failed", "1");

/// One pod of the new version, until somebody says so.
fn by_pods() -> Value {
    json!({ "steps": [{ "replicas": 1 }, { "pause": {} }], "progressDeadline": "60s" })
}

/// All pods beside those that serve, then everybody at once.
fn by_a_switch() -> Value {
    json!({
        "traffic": "switch", "progressDeadline": "60s",
        "steps": [{ "replicas": "100%" }, { "pause": {} }, { "weight": 100 }],
    })
}

/// A shop whose first version is there, hooks and all.
async fn opened(name: &str, strategy: Value) -> Result<(Shop, Agent, Api)> {
    let shop = Shop::new(name).await?;
    shop.strategy("stepped", strategy).await?;
    let first = push(&shop, "1", &[MIGRATE, ANNOUNCE, TELL])?;
    let agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let api = shop.world.control_plane.api()?;
    Ok((shop, agent, api))
}

async fn last(shop: &Shop) -> Result<Release> {
    shop.releases().await?.pop().context("a Release")
}

async fn records(shop: &Shop) -> Result<Vec<HookRecord>> {
    Ok(last(shop).await?.status.unwrap_or_default().hooks)
}

/// Waits until the hook of this point has ended like that.
async fn ended(shop: &Shop, point: HookPoint, result: HookResult) -> Result<()> {
    eventually(PATIENCE, || async {
        let records = records(shop).await?;
        let mut there = records.iter();
        let there = there.any(|one| (one.point, one.result) == (point, result));
        ensure!(there, "{records:?}");
        Ok(())
    })
    .await?;
    Ok(())
}

/// The Jobs that were made since `mark`, by the name of the hook.
fn ran(shop: &Shop, mark: Mark) -> Result<Vec<String>> {
    let name = |entry: &Entry| entry.name.rsplit_once('-').map(|(hook, _)| hook.to_owned());
    Ok(made(shop, mark)?.iter().filter_map(name).collect())
}

/// When the agent first wrote an object of this name.
fn first_write(requests: &Entries, resource: &str, name: &str) -> Result<Entry> {
    let all = requests.of(resource).writes();
    let found = all.iter().find(|entry| entry.name.starts_with(name));
    found
        .cloned()
        .with_context(|| format!("{resource}/{name} was never written"))
}

/// Whatever the way, the migration of a revision ends before its first pod, and its last word comes after promotion.
async fn comes_first(name: &str, strategy: Value, beside: &str) -> Result<()> {
    let (shop, agent, api) = opened(name, strategy).await?;
    let mark = shop.mark()?;
    // Its pod never starts until somebody gives it an image that does.
    let second = push(&shop, "2", &[("migrate", "before", "broken"), ANNOUNCE])?;
    shop.rollout_says(&["hook Job/", "is at work"]).await?;
    let job = made(&shop, mark)?[0].clone();
    drop(agent);
    let _agent = shop.agent()?;
    let asked = json!({ "metadata": { "annotations": { api::names::REQUESTED_AT: "now" } } });
    shop.change(asked).await?;
    let handled = |status: &EnvironmentStatus| status.handled_request.as_deref() == Some("now");
    shop.status("looked at by the new agent", handled).await?;
    are(&api, &shop.namespace, &[("web", "4 of 1")]).await?;
    assert_eq!(ran(&shop, mark)?, ["migrate"], "it runs once");

    heal(&shop, &job.name).await?;
    pauses(&shop).await?;
    are(
        &api,
        &shop.namespace,
        &[("web", "4 of 1"), ("web-canary", beside)],
    )
    .await?;
    let requests = shop.requests(mark)?;
    let (settings, pods) = (
        first_write(&requests, "configmaps", "settings-canary")?,
        first_write(&requests, "deployments", "web-canary")?,
    );
    ensure!(settings.received < job.received && job.received < pods.received);
    let sent = job.request.clone().context("what was sent")?;
    let container = &sent["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "migrate:broken", "that of its revision");
    assert_eq!(
        container["envFrom"][0]["configMapRef"]["name"],
        "settings-canary"
    );
    assert_eq!(ran(&shop, mark)?, ["migrate"], "nothing is announced yet");

    promote(&shop).await?;
    shop.ready_at(&second).await?;
    are(&api, &shop.namespace, &[("web", "4 of 2")]).await?;
    assert_eq!(ran(&shop, mark)?, ["migrate", "announce"]);
    let requests = shop.requests(mark)?;
    let announced = first_write(&requests, "jobs", "announce-")?;
    let promoted = first_write(&requests, "deployments", "web")?;
    let gone = requests.of("deployments").named("web-canary");
    let gone = gone.only(|entry| entry.verb == "delete");
    ensure!(promoted.received < announced.received);
    ensure!(gone.iter().all(|entry| entry.received < announced.received));
    for (point, result) in [
        (HookPoint::Before, HookResult::Succeeded),
        (HookPoint::After, HookResult::Succeeded),
    ] {
        ended(&shop, point, result).await?;
    }
    let release = last(&shop).await?.status.unwrap_or_default();
    ensure!(release.phase == Some(Phase::Healthy), "{release:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_is_made_once_its_migration_has_ended() -> Result<()> {
    comes_first("migrates", by_pods(), "1 of 2").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_colour_is_made_once_its_migration_has_ended() -> Result<()> {
    comes_first("switches", by_a_switch(), "4 of 2").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_migration_rejects_the_revision_and_the_old_version_serves() -> Result<()> {
    let (shop, agent, api) = opened("migratesnot", by_pods()).await?;
    let mark = shop.mark()?;
    let all = [("migrate", "before", "failing"), ANNOUNCE, TELL];
    let second = push(&shop, "2", &all)?;
    let rejected = held(&shop, "HookFailed").await?;
    assert_eq!(rejected.revision, second);
    ensure!(
        rejected.message.contains("BackoffLimitExceeded"),
        "{rejected:?}"
    );
    ended(&shop, HookPoint::Before, HookResult::Failed).await?;
    ended(&shop, HookPoint::Failed, HookResult::Succeeded).await?;
    let over = |status: &EnvironmentStatus| {
        e2e::ready(status).is_some_and(|ready| ready.reason == "HookFailed")
    };
    shop.status("told", over).await?;
    eventually(PATIENCE, || async {
        let status = last(&shop).await?.status.unwrap_or_default();
        let over = (status.phase, status.ended_at.is_some());
        ensure!(over == (Some(Phase::Failed), true), "{status:?}");
        Ok(())
    })
    .await?;
    let failed = records(&shop).await?;
    let failed = failed.iter().find(|one| one.point == HookPoint::Before);
    assert_eq!(failed.context("a record")?.log.len(), 20);
    are(&api, &shop.namespace, &[("web", "4 of 1")]).await?;
    let pods = shop.requests(mark)?.of("deployments").writes();
    ensure!(pods.is_empty(), "{}", pods.summary());
    assert_eq!(ran(&shop, mark)?, ["migrate", "tell"]);

    // Nobody runs any of it again by himself.
    drop(agent);
    let _agent = shop.agent()?;
    let asked = json!({ "metadata": { "annotations": { api::names::REQUESTED_AT: "now" } } });
    shop.change(asked).await?;
    let handled = |status: &EnvironmentStatus| status.handled_request.as_deref() == Some("now");
    shop.status("looked at by the new agent", handled).await?;
    assert_eq!(ran(&shop, mark)?, ["migrate", "tell"]);

    let mark = shop.mark()?;
    command(&shop, "retry").await?;
    eventually(PATIENCE, || async {
        let ran = ran(&shop, mark)?;
        ensure!(ran == ["migrate", "tell"], "{ran:?}");
        Ok(())
    })
    .await?;
    let mark = shop.mark()?;
    let third = push(&shop, "3", &[MIGRATE, ANNOUNCE, TELL])?;
    promote(&shop).await?;
    shop.ready_at(&third).await?;
    are(&api, &shop.namespace, &[("web", "4 of 3")]).await?;
    assert_eq!(ran(&shop, mark)?, ["migrate", "announce"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_aborted_announces_nothing_and_a_newer_commit_takes_over() -> Result<()> {
    let (shop, _agent, api) = opened("migratesmore", by_pods()).await?;
    let mark = shop.mark()?;
    push(&shop, "2", &[MIGRATE, ANNOUNCE, TELL])?;
    pauses(&shop).await?;
    command(&shop, "abort").await?;
    held(&shop, "RolloutAborted").await?;
    ended(&shop, HookPoint::Failed, HookResult::Succeeded).await?;
    are(&api, &shop.namespace, &[("web", "4 of 1")]).await?;
    assert_eq!(ran(&shop, mark)?, ["migrate", "tell"]);

    // A newer commit ends what is at work for the one before, and begins with its own.
    let mark = shop.mark()?;
    push(&shop, "3", &[("migrate", "before", "broken"), ANNOUNCE])?;
    shop.rollout_says(&["hook Job/", "is at work"]).await?;
    let stuck = made(&shop, mark)?[0].clone();
    let fourth = push(&shop, "4", &[MIGRATE, ANNOUNCE])?;
    promote(&shop).await?;
    shop.ready_at(&fourth).await?;
    are(&api, &shop.namespace, &[("web", "4 of 4")]).await?;
    assert_eq!(ran(&shop, mark)?, ["migrate", "migrate", "announce"]);
    let jobs = shop.requests(mark)?.of("jobs");
    let ended = jobs.only(|entry| entry.verb == "delete" && entry.name == stuck.name);
    let options = ended[0].request.clone().unwrap_or_default();
    assert_eq!(options["propagationPolicy"], "Foreground");
    // Its pods are gone before the next one begins.
    let next = made(&shop, mark)?[1].clone();
    ensure!(ended[0].received < next.received);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revision_whose_hook_is_refused_is_rejected_with_the_reason() -> Result<()> {
    let (shop, _agent, api) = opened("migrateswrong", by_pods()).await?;
    let mark = shop.mark()?;
    let mut pod = hook("migrate", "before", "2");
    pod["kind"] = "CronJob".into();
    let objects = [deployment("web", "2", "stepped"), pod];
    crate::canaries::push(&shop, &objects)?;
    let rejected = held(&shop, "HookFailed").await?;
    for word in ["a hook cannot be run", "CronJob", "make it a Job"] {
        ensure!(
            rejected.message.contains(word),
            "{word}: {}",
            rejected.message
        );
    }
    are(&api, &shop.namespace, &[("web", "4 of 1")]).await?;
    assert!(made(&shop, mark)?.is_empty());
    // What serves is still looked after.
    let path = format!(
        "/apis/apps/v1/namespaces/{}/deployments/web",
        shop.namespace
    );
    api.patch(&path, &json!({ "spec": { "replicas": 1 } }))
        .await?;
    are(&api, &shop.namespace, &[("web", "4 of 1")]).await
}
