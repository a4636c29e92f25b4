//! A repair costs what drifted, not what there is.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, Result, ensure};
use api::v1alpha1::EnvironmentStatus;
use e2e::{Agent, PATIENCE, Shop};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use lab::{
    GitHttp,
    audit::{Entries, Entry},
    eventually,
    git::HttpOptions,
};
use serde_json::{Value, json};

use crate::canaries::{self, are, deployment, pauses, promote, strategy};

/// Objects of an Environment in which few drift.
const MANY: usize = 300;
/// Objects that somebody changes at the same time.
const BURST: usize = 50;
/// As many edits at once.
const AT_ONCE: usize = 16;
/// After this the last writes have ended.
const SETTLE: Duration = Duration::from_secs(3);

fn name(number: usize) -> String {
    format!("m{number:03}")
}

/// Commits that many ConfigMaps with `value`.
fn push(shop: &Shop, value: &str) -> Result<String> {
    let names: Vec<_> = (0..MANY).map(name).collect();
    let maps: Vec<_> = names.iter().map(|name| (name.as_str(), value)).collect();
    shop.push_maps(value, &maps)
}

/// A shop with that many ConfigMaps, ready and quiet.
async fn shop(name: &str) -> Result<(Shop, Agent)> {
    let shop = Shop::new(name).await?;
    let first = push(&shop, "1")?;
    let agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    shop.settled().await?;
    Ok((shop, agent))
}

async fn edit(shop: &Shop, name: &str, change: Value) -> Result<()> {
    let editor = PatchParams {
        field_manager: Some("kubectl-edit".to_owned()),
        ..PatchParams::default()
    };
    let patch = Patch::Merge(change);
    shop.maps().patch(name, &editor, &patch).await?;
    Ok(())
}

/// Waits until all maps have `value` and the label, and the last writes about that have ended.
async fn all_are(shop: &Shop, value: &str) -> Result<()> {
    eventually(PATIENCE, || async {
        let values = shop.values().await?;
        let good = values.values().filter(|is| *is == value).count();
        ensure!(good == MANY, "{good} of {MANY} are {value}");
        Ok(())
    })
    .await?;
    shop.settled().await?;
    Ok(())
}

/// How often the agent has rendered.
async fn renders(agent: &Agent) -> Result<u64> {
    let text = agent.metrics().await?;
    let start = "driftless_stage_seconds_count{stage=\"render\"} ";
    let count = text.lines().find_map(|line| line.strip_prefix(start));
    Ok(count.context("no renders are counted")?.parse()?)
}

/// Writes of the agent about `kind`.
fn writes(all: &Entries, kind: &str) -> Entries {
    all.writes().of(kind)
}

/// Somebody edits one map, and that is read once, written once, and costs nothing else.
async fn costs_what_drifted(shop: &Shop, agent: &Agent, edited: &str) -> Result<()> {
    let (before, mark) = (renders(agent).await?, shop.mark()?);
    edit(shop, edited, json!({ "data": { "key": "theirs" } })).await?;
    all_are(shop, "1").await?;
    let work = shop.requests(mark)?.work();
    let maps = work.of("configmaps");
    let about_it = |entry: &Entry| entry.name == edited;
    ensure!(
        maps.only(about_it).len() == maps.len(),
        "{}",
        work.summary()
    );
    ensure!(writes(&work, "configmaps").len() == 1, "{}", work.summary());
    ensure!(
        maps.len() == 2,
        "who changed it, and the repair:\n{}",
        work.summary()
    );
    // What was made of it goes into the inventory, the status and an event.
    ensure!(work.len() <= 6, "{}", work.summary());
    ensure!(
        renders(agent).await? == before,
        "nothing had to be rendered"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_edited_object_among_many_is_read_once_and_written_once() -> Result<()> {
    let (shop, agent) = shop("one-of-many").await?;
    costs_what_drifted(&shop, &agent, &name(17)).await
}

/// The maps, a Secret, and a Deployment that goes step by step.
fn mixed(tag: &str) -> Vec<Value> {
    let maps = (0..MANY).map(|number| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": name(number) }, "data": { "key": "1" },
        })
    });
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": "hidden" }, "stringData": { "password": "one" },
    });
    maps.chain([secret, deployment("web", tag, "one")])
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_secret_and_a_strategy_at_rest_a_repair_costs_what_drifted() -> Result<()> {
    let shop = Shop::new("at-rest").await?;
    strategy(&shop).await?;
    let api = shop.world.control_plane.api()?;
    let first = canaries::push(&shop, &mixed("1"))?;
    let agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    are(&api, &shop.namespace, &[("web", "4 of 1")]).await?;
    shop.settled().await?;
    costs_what_drifted(&shop, &agent, &name(17)).await?;

    let second = canaries::push(&shop, &mixed("2"))?;
    pauses(&shop).await?;
    // A rollout under way is judged as a whole, and drift beside it is put right all the same.
    edit(&shop, &name(18), json!({ "data": { "key": "theirs" } })).await?;
    all_are(&shop, "1").await?;
    promote(&shop).await?;
    shop.ready_at(&second).await?;
    are(&api, &shop.namespace, &[("web", "4 of 2")]).await?;
    shop.settled().await?;
    costs_what_drifted(&shop, &agent, &name(19)).await?;

    // What goes step by step is put back like anything else, and so is what comes of it.
    let before = renders(&agent).await?;
    let deployments: Api<Deployment> = Api::namespaced(shop.client.clone(), &shop.namespace);
    let fewer = Patch::Merge(json!({ "spec": { "replicas": 2 } }));
    deployments
        .patch("web", &PatchParams::default(), &fewer)
        .await?;
    eventually(PATIENCE, || async {
        let web = deployments.get("web").await?;
        let wanted = web.spec.and_then(|spec| spec.replicas);
        ensure!(wanted == Some(4), "{wanted:?}");
        Ok(())
    })
    .await?;
    are(&api, &shop.namespace, &[("web", "4 of 2")]).await?;
    shop.ready_at(&second).await?;
    ensure!(
        renders(&agent).await? == before,
        "nothing had to be rendered"
    );

    // And the next revision goes step by step again.
    canaries::push(&shop, &mixed("3"))?;
    pauses(&shop).await?;
    let expected = [("web", "4 of 2"), ("web-canary", "1 of 3")];
    are(&api, &shop.namespace, &expected).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_drift_is_only_told_a_look_costs_what_drifted() -> Result<()> {
    let shop = Shop::new("told-only").await?;
    let first = push(&shop, "1")?;
    let agent = shop.agent()?;
    shop.environment(json!({ "drift": "report" })).await?;
    shop.ready_at(&first).await?;
    shop.settled().await?;
    let (before, mark) = (renders(&agent).await?, shop.mark()?);
    let drifted = async |many: usize| {
        let told = |status: &EnvironmentStatus| status.drift.count as usize == many;
        shop.status(&format!("{many} drifted"), told).await
    };
    for (many, number) in [(1, 17), (2, 18)] {
        let theirs = json!({ "data": { "key": "theirs" } });
        edit(&shop, &name(number), theirs).await?;
        drifted(many).await?;
    }
    shop.maps()
        .delete(&name(19), &DeleteParams::default())
        .await?;
    let status = drifted(3).await?;
    let told: BTreeSet<_> = status.drift.entries.iter().map(|it| &it.object).collect();
    ensure!(told.len() == 3, "{told:?}");
    shop.settled().await?;
    let maps = shop.requests(mark)?.work().of("configmaps");
    ensure!(maps.writes().is_empty(), "{}", maps.summary());
    ensure!(maps.len() <= 4, "{}", maps.summary());
    ensure!(
        renders(&agent).await? == before,
        "nothing had to be rendered"
    );

    // A look at everything comes to the same.
    let ask = json!({ "metadata": { "annotations": { (api::names::REQUESTED_AT): "now" } } });
    shop.change(ask).await?;
    let handled = |status: &EnvironmentStatus| status.handled_request.as_deref() == Some("now");
    let whole = shop.status("a whole look", handled).await?;
    ensure!(renders(&agent).await? > before, "everything was looked at");
    ensure!(whole.drift == status.drift, "{:?}", whole.drift);
    shop.environment(json!({ "drift": "repair" })).await?;
    all_are(&shop, "1").await?;
    drifted(0).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_changes_is_put_right_in_few_passes() -> Result<()> {
    let (shop, agent) = shop("burst").await?;
    let (before, mark) = (renders(&agent).await?, shop.mark()?);
    let hands = (0..BURST).map(|number| {
        let (shop, name) = (&shop, name(number * 5));
        async move {
            let unlabelled = json!({ "labels": { (api::names::ENVIRONMENT_LABEL): null } });
            match number % 5 {
                0 => drop(shop.maps().delete(&name, &DeleteParams::default()).await?),
                1 => edit(shop, &name, json!({ "metadata": unlabelled })).await?,
                2 => edit(shop, &name, json!({ "data": null })).await?,
                _ => edit(shop, &name, json!({ "data": { "key": "theirs" } })).await?,
            }
            anyhow::Ok(())
        }
    });
    let hands: Vec<_> = hands.collect();
    stream::iter(hands)
        .buffer_unordered(AT_ONCE)
        .try_for_each(|()| async { Ok(()) })
        .await?;
    all_are(&shop, "1").await?;
    let work = shop.requests(mark)?.work();
    let maps = writes(&work, "configmaps");
    let touched: BTreeSet<&str> = maps.iter().map(|entry| entry.name.as_str()).collect();
    let theirs: Vec<_> = (0..BURST).map(|number| name(number * 5)).collect();
    let theirs: BTreeSet<&str> = theirs.iter().map(String::as_str).collect();
    ensure!(touched == theirs, "{}", maps.summary());
    ensure!(maps.len() == BURST, "each once:\n{}", maps.summary());
    // Each pass enters what it makes anew before, and what it made after.
    let book = writes(&work, "inventories");
    ensure!(book.len() <= 20, "{} writes of the inventory", book.len());
    ensure!(
        renders(&agent).await? == before,
        "nothing had to be rendered"
    );
    let status = shop
        .status("no drift", |status| status.drift.count == 0)
        .await?;
    ensure!(status.objects as usize == MANY, "{}", status.objects);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_beside_a_commit_ends_as_the_newest_commit_says() -> Result<()> {
    let shop = Shop::new("beside").await?;
    let root = shop.repo.path().parent().context("no folder")?;
    let server = GitHttp::start(root, HttpOptions::plain()).await?;
    let first = push(&shop, "1")?;
    let _agent = shop.agent()?;
    let source = json!({ "source": { "url": server.url("config.git") } });
    shop.environment(source).await?;
    shop.ready_at(&first).await?;
    shop.settled().await?;
    // The agent has not heard of it, so what was applied is what counts.
    let second = push(&shop, "2")?;
    edit(&shop, &name(3), json!({ "data": { "key": "theirs" } })).await?;
    all_are(&shop, "1").await?;
    // Now it hears of it, in the moment of another edit.
    let ask = json!({ "metadata": { "annotations": { (api::names::REQUESTED_AT): "now" } } });
    let fourth = name(4);
    let edit_now = edit(&shop, &fourth, json!({ "data": { "key": "theirs" } }));
    let (asked, edited) = tokio::join!(shop.change(ask), edit_now);
    asked?;
    edited?;
    shop.ready_at(&second).await?;
    all_are(&shop, "2").await?;
    // And after it: nobody goes back to what was applied before.
    let mark = shop.mark()?;
    edit(&shop, &name(5), json!({ "data": { "key": "theirs" } })).await?;
    all_are(&shop, "2").await?;
    let maps = writes(&shop.requests(mark)?, "configmaps");
    ensure!(maps.len() == 1, "{}", maps.summary());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_fought_over_is_put_right_once_it_was_left_alone() -> Result<()> {
    let shop = Shop::new("fight").await?;
    let first = shop.push_maps("first", &[("a", "1"), ("b", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let is = async |value: &str, patience| {
        let seen = eventually(patience, || async {
            let values = shop.values().await?;
            ensure!(values["a"] == value, "{values:?}");
            Ok(())
        });
        seen.await
    };
    for _ in 0..5 {
        edit(&shop, "a", json!({ "data": { "key": "theirs" } })).await?;
        is("1", PATIENCE).await?;
        tokio::time::sleep(Duration::from_secs(1)).await; // sleeps because repairs are told apart by the second
    }
    edit(&shop, "a", json!({ "data": { "key": "theirs" } })).await?;
    tokio::time::sleep(SETTLE).await; // sleeps because what must not come would come later
    is("theirs", PATIENCE).await?;
    // Others are not left alone for it.
    edit(&shop, "b", json!({ "data": { "key": "theirs" } })).await?;
    eventually(PATIENCE, || async {
        let values = shop.values().await?;
        ensure!(values["b"] == "1", "{values:?}");
        Ok(())
    })
    .await?;
    is("1", PATIENCE + Duration::from_mins(1)).await?;
    Ok(())
}
