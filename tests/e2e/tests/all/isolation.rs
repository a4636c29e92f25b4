//! What is slow, hung or dead concerns those who need it, and nobody else.
//!
//! Each scenario measures a healthy environment twice, first in calm and then while its neighbour is in trouble, by the
//! audit log. The bounds are generous, because tests share a machine; what is held up by a neighbour takes ten
//! times as long.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::{Agent, AgentOptions, PATIENCE, Shop, config_map, ready};
use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
};
use lab::{Commit, Part, Silent, SlowWebhook, eventually};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::remote::{Far, away, far_is, lend};

/// Commits in each of the two times.
const ROUNDS: usize = 5;
/// What a slow webhook takes: longer than anything in calm does.
pub(crate) const SLOW: Duration = Duration::from_secs(10);
/// Within this a frozen cluster is told of: three times four seconds, and what a busy machine adds.
const FROZEN: Duration = Duration::from_secs(20);
/// So many repos hang that no pool of threads holds them: tokio's has 512.
const HANGING: usize = 560;

/// How long in trouble what took `calm` in calm may take.
fn bound(calm: Duration) -> Duration {
    calm * 3 + Duration::from_secs(1)
}

/// An agent that a machine busy with other tests does not throw out of its Lease.
fn patient(shop: &Shop) -> Result<Agent> {
    let alone = AgentOptions::alone(&shop.namespace);
    let options = AgentOptions {
        lease_seconds: 60,
        ..alone
    };
    Agent::start(shop.world, options)
}

/// The folder of an environment, with ConfigMaps that all have `value`, one of them marked `pace: slow` where that is said.
fn folder(commit: Commit, name: &str, maps: &[&str], value: &str) -> Commit {
    let list: String = maps.iter().map(|map| format!("- {map}.yaml\n")).collect();
    let list = format!("resources:\n{list}");
    let first = commit.write(&format!("{name}/kustomization.yaml"), list);
    maps.iter().fold(first, |commit, map| {
        let text = config_map(map, value);
        let text = match map.starts_with("slow") {
            true => text.replace("metadata:\n", "metadata:\n  labels: { pace: slow }\n"),
            false => text,
        };
        commit.write(&format!("{name}/{map}.yaml"), text)
    })
}

/// Commits `value` to the maps of one environment. Returns when that began.
fn push(shop: &Shop, name: &str, maps: &[&str], value: &str) -> Result<Timestamp> {
    let began = Timestamp::now();
    let commit = folder(Commit::on("master", value), name, maps, value);
    shop.repo.commit(commit)?;
    Ok(began)
}

async fn environment(shop: &Shop, name: &str) -> Result<()> {
    let spec = json!({ "source": { "path": name } });
    shop.environment_named(name, spec).await
}

async fn value_is(shop: &Shop, map: &str, value: &str) -> Result<()> {
    eventually(PATIENCE, || async {
        let values = shop.values().await?;
        ensure!(values.get(map).is_some_and(|is| is == value), "{values:?}");
        Ok(())
    })
    .await
    .with_context(|| format!("{map} in {}", shop.namespace))
}

/// From `began` to the answer to the first good write of `map` since `mark`.
async fn took(
    shop: &Shop,
    mark: lab::audit::Mark,
    map: &str,
    began: Timestamp,
) -> Result<Duration> {
    // Others may see the object a moment before whoever wrote it is answered.
    let written = eventually(PATIENCE, || async {
        written(shop, mark, map)?.with_context(|| format!("{map} was not written"))
    });
    Ok(written.await?.duration_since(began).try_into()?)
}

/// When the first good write of `map` since `mark` was answered.
fn written(shop: &Shop, mark: lab::audit::Mark, map: &str) -> Result<Option<Timestamp>> {
    let writes = shop.requests(mark)?.writes().of("configmaps").named(map);
    let good = writes.only(lab::audit::Entry::succeeded);
    Ok(good.first().map(|first| first.written))
}

/// The longest of some commits to the healthy environment.
async fn longest(shop: &Shop, phase: &str) -> Result<Duration> {
    let mut all = Vec::new();
    for round in 0..ROUNDS {
        let value = format!("{phase} {round}");
        let mark = shop.mark()?;
        let began = push(shop, "good", &["good"], &value)?;
        value_is(shop, "good", &value).await?;
        all.push(took(shop, mark, "good", began).await?);
    }
    all.into_iter().max().context("no rounds")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repos_that_hang_delay_no_other_repo() -> Result<()> {
    let shop = Shop::new("hung").await?;
    push(&shop, "good", &["good"], "0")?;
    let agent = patient(&shop)?;
    environment(&shop, "good").await?;
    value_is(&shop, "good", "0").await?;
    let calm = longest(&shop, "calm").await?;

    let silent = Silent::start().await?;
    for number in 0..HANGING {
        let url = format!("http://{}/r{number}.git", silent.address());
        shop.environment_named(
            &format!("hung-{number}"),
            json!({ "source": { "url": url } }),
        )
        .await?;
    }
    eventually(PATIENCE, || async {
        let waiting = silent.waiting();
        ensure!(waiting > 512, "only {waiting} hang");
        Ok(())
    })
    .await?;
    let troubled = longest(&shop, "troubled").await?;
    let hung = silent.waiting();
    ensure!(
        troubled < bound(calm),
        "{troubled:?} instead of {calm:?} while {hung} hang"
    );
    ensure!(hung > 256, "only {hung} did hang to the end");

    // A repo that nobody has looked at yet is not held up either.
    let other = Shop::new("hung-not").await?;
    other.push_maps("first", &[("new", "1")])?;
    let (mark, url) = (shop.mark()?, other.repo.file_url());
    shop.environment_named("new", json!({ "source": { "url": url } }))
        .await?;
    let began = Timestamp::now();
    value_is(&shop, "new", "1").await?;
    let first = took(&shop, mark, "new", began).await?;
    ensure!(first < bound(calm) * 2, "{first:?} for a new repo");

    // Whoever corrects the address is not made to wait for the old one.
    shop.environment_named(
        "hung-0",
        json!({ "source": { "path": "good" }, "suspend": true }),
    )
    .await?;
    let corrected = timeout(SLOW, told(&shop, "hung-0", "Suspended")).await;
    corrected.context("waits for the old address")??;
    agent.process.terminate();
    let ended = agent.process.wait(PATIENCE).await;
    ended.context("what hangs holds up the end of the process")?;
    Ok(())
}

/// Makes the API server ask `webhook` about what matches `rule` in the shop's namespace.
pub(crate) async fn install(
    shop: &Shop,
    webhook: &SlowWebhook,
    rule: &Value,
    more: &Value,
) -> Result<()> {
    let mut more = more.clone();
    more["namespaceSelector"] =
        json!({ "matchLabels": { "kubernetes.io/metadata.name": shop.namespace } });
    let object = webhook.configuration(&shop.namespace, rule, &more);
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    shop.world
        .control_plane
        .api()?
        .create(path, &object)
        .await?;
    Ok(())
}

/// Commits to the maps of an environment until the webhook is asked: the API server takes a moment to learn of a new one.
/// Returns the last value.
async fn until_asked(
    shop: &Shop,
    webhook: &SlowWebhook,
    name: &str,
    maps: &[&str],
) -> Result<String> {
    let mut round = 0;
    let last = eventually(PATIENCE, || {
        round += 1;
        let value = format!("again {round}");
        async move {
            push(shop, name, maps, &value)?;
            tokio::time::sleep(Duration::from_secs(1)).await; // sleeps because whether it is asked shows after a while
            ensure!(webhook.asked() > 0, "the webhook is not asked");
            Ok(value)
        }
    });
    Ok(last.await?)
}

pub(crate) async fn uninstall(shop: &Shop) -> Result<()> {
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    let path = format!("{path}/{}", shop.namespace);
    shop.world.control_plane.api()?.delete(&path).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_admission_webhook_delays_only_what_it_is_asked_about() -> Result<()> {
    let shop = Shop::new("admission").await?;
    let beside = ["beside-1", "beside-2", "beside-3"];
    let maps = ["slow", "slow-2", beside[0], beside[1], beside[2]];
    let first = folder(Commit::on("master", "first"), "troubled", &maps, "0");
    shop.repo.commit(folder(first, "good", &["good"], "0"))?;
    let _agent = patient(&shop)?;
    for name in ["good", "troubled"] {
        environment(&shop, name).await?;
    }
    value_is(&shop, "good", "0").await?;
    value_is(&shop, "slow", "0").await?;
    let calm = longest(&shop, "calm").await?;

    let webhook = SlowWebhook::start(SLOW).await?;
    let rule = json!({
        "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["*"],
    });
    let slow = json!({ "objectSelector": { "matchLabels": { "pace": "slow" } } });
    install(&shop, &webhook, &rule, &slow).await?;
    let last = until_asked(&shop, &webhook, "troubled", &maps).await?;
    let began = Timestamp::now();
    let troubled = longest(&shop, "troubled").await?;
    ensure!(troubled < bound(calm), "{troubled:?} instead of {calm:?}");
    let values = shop.values().await?;
    for map in beside {
        let value = &values[map];
        ensure!(
            *value == last,
            "{map} waited for the slow ones of its wave: {value}"
        );
    }
    ensure!(values["slow"] != last, "slow is not slow");
    let over = Timestamp::now().duration_since(began);
    ensure!(
        over < SLOW.try_into()?,
        "measured for {over:#}, and the slow ones were over"
    );
    value_is(&shop, "slow", &last).await?;
    uninstall(&shop).await
}

/// What makes the API server ask about every Event.
pub(crate) fn all_events() -> Value {
    json!({
        "apiGroups": ["", "events.k8s.io"], "apiVersions": ["*"], "resources": ["events"],
        "operations": ["*"],
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_are_taken_slowly_delay_nobody() -> Result<()> {
    let shop = Shop::new("slow-events").await?;
    push(&shop, "good", &["good"], "0")?;
    let agent = patient(&shop)?;
    environment(&shop, "good").await?;
    value_is(&shop, "good", "0").await?;
    let calm = longest(&shop, "calm").await?;
    let webhook = SlowWebhook::start(SLOW).await?;
    install(&shop, &webhook, &all_events(), &json!({})).await?;
    until_asked(&shop, &webhook, "good", &["good"]).await?;
    let troubled = longest(&shop, "troubled").await?;
    ensure!(troubled < bound(calm), "{troubled:?} instead of {calm:?}");
    agent.process.terminate();
    let ended = agent.process.wait(PATIENCE).await;
    ended.context("events that wait hold up the end of the process")?;
    uninstall(&shop).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_cluster_slows_no_other() -> Result<()> {
    let far = Far::start().await?;
    let shop = Shop::new("frozen").await?;
    push(&shop, "good", &["good"], "0")?;
    let _agent = patient(&shop)?;
    lend(&shop, &far.kubeconfig("driftless").await?).await?;
    for number in 0..10 {
        let mut spec = away(&shop);
        spec["target"]["namespace"] = format!("far-{number}").into();
        spec["source"] = json!({ "path": "good" });
        shop.environment_named(&format!("far-{number}"), spec)
            .await?;
    }
    environment(&shop, "good").await?;
    value_is(&shop, "good", "0").await?;
    far_is(&shop, true, "InSync").await?;
    // The others are on the same commits, so they try to write there each time, and hang.
    let calm = longest(&shop, "calm").await?;
    far.plane.pause(Part::ApiServer);
    let began = Instant::now();
    let told = async {
        far_is(&shop, false, "ClusterUnreachable").await?;
        anyhow::Ok(began.elapsed())
    };
    let (troubled, told) = tokio::join!(longest(&shop, "frozen"), told);
    let (troubled, told) = (troubled?, told?);
    ensure!(troubled < bound(calm), "{troubled:?} instead of {calm:?}");
    ensure!(told < FROZEN, "told after {told:?}");
    let later = longest(&shop, "gone").await?;
    ensure!(later < bound(calm), "{later:?} instead of {calm:?}");
    far.plane.resume(Part::ApiServer);
    far_is(&shop, true, "InSync").await?;
    let last = format!("gone {}", ROUNDS - 1);
    ensure!(
        far.value("far-7", "good").await? == last,
        "not taken up again"
    );
    Ok(())
}

/// A kind in two versions; objects are stored in the first.
fn definition(group: &str, conversion: &Value) -> Value {
    let version = |name: &str, stored: bool| {
        json!({
            "name": name, "served": true, "storage": stored,
            "schema": { "openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true,
            } },
        })
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("widgets.{group}") },
        "spec": {
            "group": group, "scope": "Namespaced", "conversion": conversion,
            "names": { "kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList" },
            "versions": [version("v1", true), version("v2", false)],
        },
    })
}

async fn define(shop: &Shop, object: &Value) -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(shop.client.clone());
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let params = PatchParams::apply("e2e").force();
    definitions
        .patch(name, &params, &Patch::Apply(object))
        .await?;
    Ok(())
}

/// A kind of which an object is stored in a version that nobody can convert any more.
async fn unconvertible(shop: &Shop, group: &str) -> Result<()> {
    define(shop, &definition(group, &json!({ "strategy": "None" }))).await?;
    let kind = |version: &str| ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: format!("{group}/{version}"),
        kind: "Widget".to_owned(),
        plural: "widgets".to_owned(),
    };
    let old = json!({
        "apiVersion": format!("{group}/v1"), "kind": "Widget", "metadata": { "name": "old" },
    });
    let widgets: Api<DynamicObject> =
        Api::namespaced_with(shop.client.clone(), &shop.namespace, &kind("v1"));
    eventually(PATIENCE, || async {
        let params = PatchParams::apply("e2e").force();
        widgets.patch("old", &params, &Patch::Apply(&old)).await
    })
    .await?;
    // Nobody listens on port 1: whoever wants the old object in the new version gets an error.
    let dead = json!({ "strategy": "Webhook", "webhook": {
        "clientConfig": { "url": "https://127.0.0.1:1/convert" }, "conversionReviewVersions": ["v1"],
    } });
    define(shop, &definition(group, &dead)).await?;
    let listed: Api<DynamicObject> = Api::all_with(shop.client.clone(), &kind("v2"));
    eventually(PATIENCE, || async {
        // An error, or no answer at all.
        let all = kube::api::ListParams::default();
        let listed = timeout(Duration::from_secs(2), listed.list(&all)).await;
        ensure!(
            !matches!(listed, Ok(Ok(_))),
            "converted by nobody, and listed"
        );
        Ok(())
    })
    .await?;
    Ok(())
}

/// Gives the agent the rights over all objects of `group`.
async fn entitle(shop: &Shop, group: &str) -> Result<()> {
    let role = json!({
        "metadata": { "name": group, "labels": { "driftless.dev/aggregate-to-deployer": "true" } },
        "rules": [{ "apiGroups": [group], "resources": ["*"], "verbs": ["*"] }],
    });
    let api = shop.world.control_plane.api()?;
    api.create("/apis/rbac.authorization.k8s.io/v1/clusterroles", &role)
        .await?;
    Ok(())
}

/// Waits until the environment is ready, or not for `reason`, and returns what it says.
async fn told(shop: &Shop, name: &str, reason: &str) -> Result<String> {
    let message = eventually(PATIENCE, || async {
        let status = shop.environments().get(name).await?.status;
        let status = status.unwrap_or_default();
        let told = ready(&status).context("nothing told")?;
        ensure!(told.reason == reason, "{}: {}", told.reason, told.message);
        Ok::<_, anyhow::Error>(told.message.clone())
    });
    message.await.with_context(|| name.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_that_cannot_be_listed_concerns_its_own_objects_only() -> Result<()> {
    let shop = Shop::new("conversion").await?;
    let group = format!("{}.example.com", shop.namespace);
    unconvertible(&shop, &group).await?;
    entitle(&shop, &group).await?;
    let widget =
        format!("apiVersion: {group}/v2\nkind: Widget\nmetadata:\n  name: new\nspec: {{}}\n");
    let list = "resources: [beside.yaml, widget.yaml]\n";
    let commit = folder(Commit::on("master", "first"), "troubled", &["beside"], "1")
        .write("troubled/widget.yaml", widget)
        .write("troubled/kustomization.yaml", list);
    shop.repo.commit(folder(commit, "good", &["good"], "1"))?;
    let _agent = patient(&shop)?;
    environment(&shop, "troubled").await?;
    environment(&shop, "good").await?;
    value_is(&shop, "beside", "1").await?;
    let message = told(&shop, "troubled", "ApplyFailed").await?;
    for word in ["Widget", "new", "cannot be read"] {
        ensure!(message.contains(word), "{message}");
    }
    told(&shop, "good", "InSync").await?;
    let none = json!({ "strategy": "None" });
    define(&shop, &definition(&group, &none)).await?;
    told(&shop, "troubled", "InSync").await?;
    Ok(())
}
