//! Strategies: the API server takes those that can be used, and says what is wrong with the others. What cannot be used
//! holds up neither the first revision nor a rollout under way, and nobody is moved for it.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, anyhow, ensure};
use api::v1alpha1::{EnvironmentStatus, Strategy, StrategySpec};
use e2e::{PATIENCE, Shop, World, config_map, is_ready, ready};
use k8s_openapi::api::core::v1::Event;
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use lab::{audit::Entry, eventually};
use serde_json::{Value, json};

use crate::canaries::{are, command, deployment, opened, pauses, promote, push, strategy};

/// Asks the API server whether it would take `strategy`, and makes nothing.
async fn ask(strategies: &Api<Strategy>, spec: &Value) -> Result<(), kube::Error> {
    let strategy = json!({
        "apiVersion": "driftless.dev/v1alpha1",
        "kind": "Strategy",
        "metadata": { "name": "asked", "namespace": "default" },
        "spec": spec,
    });
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    // As people write it, not as our types do.
    let any: Api<kube::api::DynamicObject> = Api::namespaced_with(
        strategies.clone().into_client(),
        "default",
        &kube::api::ApiResource::erase::<Strategy>(&()),
    );
    let object = serde_json::from_value(strategy).map_err(kube::Error::SerdeError)?;
    any.create(&dry, &object).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_server_takes_what_can_be_used_and_says_what_is_wrong() -> Result<()> {
    let world = World::shared().await;
    let strategies: Api<Strategy> = Api::namespaced(world.client().await?, "default");
    for (name, _) in rollout::strategy::builtin::NAMES {
        let strategy = rollout::strategy::builtin(name).context(name)?;
        let spec = serde_json::to_value(StrategySpec { strategy })?;
        ask(&strategies, &spec).await.context(name)?;
    }
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/strategy.yaml");
    let example: Value = serde_yaml::from_str(&fs::read_to_string(example)?)?;
    ask(&strategies, &example["spec"])
        .await
        .context("the example")?;

    let metric = |name: &str| json!({ "name": name, "from": { "synthetic": "front" }, "min": 1 });
    let wrong = [
        (json!({}), "has no steps"),
        (
            json!({ "steps": [{ "weight": 101 }] }),
            "less than or equal to 100",
        ),
        (json!({ "steps": [{ "weight": 5, "pause": {} }] }), "oneOf"),
        (
            json!({ "steps": [{ "pause": { "for": "soon" } }] }),
            "should match",
        ),
        (
            json!({ "traffic": "switch", "steps": [{ "weight": 50 }] }),
            "knows weights 0 and 100 only",
        ),
        (
            json!({ "steps": [{ "weight": 5 }], "bake": "5m" }),
            "nothing is watched",
        ),
        (
            json!({ "steps": [{ "weight": 5 }], "namespaces": { "blue": "a", "green": "a" } }),
            "blue and green are the same",
        ),
        (
            json!({ "steps": [{ "weight": 5 }], "analysis": { "metrics": [metric("a"), { "name": "b" }] } }),
            "from",
        ),
    ];
    for (spec, words) in wrong {
        let Err(error) = ask(&strategies, &spec).await else {
            anyhow::bail!("taken: {spec}");
        };
        ensure!(error.to_string().contains(words), "{spec}: {error}");
    }
    Ok(())
}

/// A strategy that names a check which no Environment has.
fn with_unknown_check() -> Value {
    json!({ "steps": [{ "replicas": 1 }, { "synthetic": { "checks": ["nowhere"] } }] })
}

/// Whether the agent has warned of a strategy that cannot be used.
async fn is_warned_of(shop: &Shop, words: &str) -> Result<()> {
    let events: Api<Event> = Api::namespaced(shop.client.clone(), &shop.namespace);
    eventually(PATIENCE, || async {
        let all = events.list(&ListParams::default()).await;
        let all = all.map_err(|error| anyhow!(error))?.items;
        let is_it = |event: &Event| {
            let message = event.message.as_deref().unwrap_or_default();
            event.type_.as_deref() == Some("Warning")
                && event.reason.as_deref() == Some("InvalidStrategy")
                && message.contains(words)
        };
        ensure!(all.iter().any(is_it), "{} events", all.len());
        Ok(())
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_revision_goes_out_although_its_strategy_cannot_be_used() -> Result<()> {
    let shop = Shop::new("unfit").await?;
    let api = shop.world.control_plane.api()?;
    shop.strategy("one", with_unknown_check()).await?;
    let first = push(&shop, &[deployment("web", "1", "one")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    let status = shop.ready_at(&first).await?;
    are(&api, &shop.namespace, &[("web", "4 of 1")]).await?;
    let told = ready(&status).context("Ready")?;
    for word in ["in sync", "Strategy", "nowhere", "will be held for it"] {
        ensure!(told.message.contains(word), "{word}: {}", told.message);
    }
    is_warned_of(&shop, "nowhere").await?;

    // The next one would hurt somebody.
    let second = push(&shop, &[deployment("web", "2", "one")])?;
    let told = shop.not_ready("InvalidStrategy").await?;
    ensure!(told.message.contains("nowhere"), "{}", told.message);
    are(&api, &shop.namespace, &[("web", "4 of 1")]).await?;
    strategy(&shop).await?;
    promote(&shop).await?;
    let status = shop.ready_at(&second).await?;
    let told = ready(&status).context("Ready")?;
    ensure!(!told.message.contains("Strategy"), "{}", told.message);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strategy_may_come_with_the_first_revision_or_a_little_later() -> Result<()> {
    let shop = Shop::new("together").await?;
    let api = shop.world.control_plane.api()?;
    // Objects are watched in the whole cluster.
    let path = "/apis/rbac.authorization.k8s.io/v1";
    let name = &shop.namespace;
    let role = json!({
        "metadata": { "name": name },
        "rules": [{ "apiGroups": ["driftless.dev"], "resources": ["strategies"], "verbs": ["*"] }],
    });
    api.create(&format!("{path}/clusterroles"), &role).await?;
    let binding = json!({
        "metadata": { "name": name },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name },
        "subjects": [{ "kind": "ServiceAccount", "name": "driftless-agent", "namespace": "driftless-system" }],
    });
    api.create(&format!("{path}/clusterrolebindings"), &binding)
        .await?;
    let own = json!({
        "apiVersion": "driftless.dev/v1alpha1", "kind": "Strategy", "metadata": { "name": "own" },
        "spec": { "steps": [{ "replicas": 1 }, { "pause": {} }] },
    });
    let both = |tag: &str| [own.clone(), deployment("web", tag, "own")];
    let first = push(&shop, &both("1"))?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let second = push(&shop, &both("2"))?;
    are(
        &api,
        &shop.namespace,
        &[("web", "4 of 1"), ("web-canary", "1 of 2")],
    )
    .await?;
    promote(&shop).await?;
    shop.ready_at(&second).await?;

    // Made after its Environment, in the same breath: which one comes first is nobody's decision.
    let late = Shop::new("late").await?;
    let first = push(&late, &[deployment("web", "1", "one")])?;
    let _other = late.agent()?;
    late.environment(json!({})).await?;
    let told = late.not_ready("InvalidStrategy").await?;
    ensure!(
        told.message.contains("is waited for until"),
        "{}",
        told.message
    );
    strategy(&late).await?;
    let status = late.ready_at(&first).await?;
    let told = ready(&status).context("Ready")?;
    ensure!(!told.message.contains("Strategy"), "{}", told.message);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_goes_on_by_the_strategy_that_it_began_with() -> Result<()> {
    let (shop, agent, api) = opened("keeps").await?;
    let second = push(&shop, &[deployment("web", "2", "one")])?;
    let both = [("web", "4 of 1"), ("web-canary", "1 of 2")];
    are(&api, &shop.namespace, &both).await?;
    shop.strategy("one", with_unknown_check()).await?;
    // Somebody who begins anew has only what is written down.
    drop(agent);
    let _agent = shop.agent()?;
    let strategies: Api<Strategy> = Api::namespaced(shop.client.clone(), &shop.namespace);
    strategies.delete("one", &DeleteParams::default()).await?;
    let mark = shop.mark()?;
    promote(&shop).await?;
    shop.ready_at(&second).await?;
    are(&api, &shop.namespace, &[("web", "4 of 2")]).await?;
    let back = |entry: &Entry| entry.name == "web-canary" && entry.code == 201;
    let back = shop.requests(mark)?.of("deployments").only(back);
    ensure!(back.is_empty(), "{}", back.summary());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_whose_workloads_have_moved_stands_still_until_somebody_sees_to_it() -> Result<()>
{
    let (shop, agent, api) = opened("moved").await?;
    let second = push(&shop, &[deployment("web", "2", "one")])?;
    let both = [("web", "4 of 1"), ("web-canary", "1 of 2")];
    are(&api, &shop.namespace, &both).await?;
    pauses(&shop).await?;

    let mark = shop.mark()?;
    let other = format!("{}-other", shop.namespace);
    shop.change(json!({ "spec": { "target": { "namespace": other, "createNamespace": true } } }))
        .await?;
    let told = shop.not_ready("InvalidStrategy").await?;
    for word in ["spec.target.namespace", "abort"] {
        ensure!(told.message.contains(word), "{word}: {}", told.message);
    }
    // Also for somebody who did not see it begin.
    drop(agent);
    let _agent = shop.agent()?;
    command(&shop, "skip").await?;
    let answered = |status: &EnvironmentStatus| {
        let answer = status
            .rollout
            .as_ref()
            .and_then(|told| told.command.as_ref());
        answer.is_some_and(|one| !one.obeyed && one.message.contains("stands still"))
    };
    shop.status("the answer", answered).await?;
    are(&api, &shop.namespace, &both).await?;
    let moved = shop.requests(mark)?.of("deployments").writes();
    ensure!(moved.is_empty(), "{}", moved.summary());

    // Put back, it goes on from there.
    let back = json!({ "spec": { "target": { "namespace": null, "createNamespace": null } } });
    shop.change(back).await?;
    pauses(&shop).await?;
    are(&api, &shop.namespace, &both).await?;
    promote(&shop).await?;
    shop.ready_at(&second).await?;

    // Given up, the environment goes where it is told to, at the good revision.
    push(&shop, &[deployment("web", "3", "one")])?;
    let both = [("web", "4 of 2"), ("web-canary", "1 of 3")];
    are(&api, &shop.namespace, &both).await?;
    shop.change(json!({ "spec": { "target": { "namespace": other, "createNamespace": true } } }))
        .await?;
    shop.not_ready("InvalidStrategy").await?;
    command(&shop, "abort").await?;
    shop.held().await?;
    are(&api, &other, &[("web", "4 of 2")]).await?;
    are(&api, &shop.namespace, &[]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overlay_that_was_moved_goes_out_like_any_other_revision() -> Result<()> {
    let (shop, agent, api) = opened("folder").await?;
    let web = deployment("web", "2", "one").to_string();
    let files = [
        ("kustomization.yaml", None),
        ("shop.yaml", None),
        ("moved/kustomization.yaml", Some("resources: [shop.yaml]\n")),
        ("moved/shop.yaml", Some(web.as_str())),
    ];
    let second = shop.push("moves the overlay", &files)?;
    shop.change(json!({ "spec": { "source": { "path": "moved" } } }))
        .await?;
    let both = [("web", "4 of 1"), ("web-canary", "1 of 2")];
    are(&api, &shop.namespace, &both).await?;
    // Who begins anew finds what serves where it was.
    drop(agent);
    let _agent = shop.agent()?;
    command(&shop, "abort").await?;
    are(&api, &shop.namespace, &[("web", "4 of 1")]).await?;
    command(&shop, "retry").await?;
    are(&api, &shop.namespace, &both).await?;
    promote(&shop).await?;
    shop.ready_at(&second).await?;
    are(&api, &shop.namespace, &[("web", "4 of 2")]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_goes_on_while_the_environment_that_it_depends_on_is_not_ready() -> Result<()> {
    let (shop, _agent, api) = opened("beneath").await?;
    let below = [
        (
            "below/kustomization.yaml",
            Some("resources: [below.yaml]\n"),
        ),
        ("below/below.yaml", Some(&*config_map("below", "1"))),
    ];
    shop.push("what it stands on", &below)?;
    let path = json!({ "source": { "path": "below" } });
    shop.environment_named("below", path).await?;
    shop.change(json!({ "spec": { "dependsOn": [{ "name": "below" }] } }))
        .await?;
    let second = push(&shop, &[deployment("web", "2", "one")])?;
    let both = [("web", "4 of 1"), ("web-canary", "1 of 2")];
    are(&api, &shop.namespace, &both).await?;
    pauses(&shop).await?;

    let suspend = |suspended: bool| {
        let patch = Patch::Merge(json!({ "spec": { "suspend": suspended } }));
        let environments = shop.environments();
        async move {
            let params = PatchParams::default();
            environments.patch("below", &params, &patch).await
        }
    };
    suspend(true).await?;
    eventually(PATIENCE, || async {
        let below = shop.environments().get("below").await?;
        ensure!(!is_ready(&below.status.unwrap_or_default()), "still ready");
        Ok(())
    })
    .await?;
    // Whatever a person says, and every number, is heard.
    command(&shop, "abort").await?;
    are(&api, &shop.namespace, &[("web", "4 of 1")]).await?;
    shop.held().await?;

    // What has not begun waits.
    command(&shop, "retry").await?;
    shop.not_ready("DependencyNotReady").await?;
    are(&api, &shop.namespace, &[("web", "4 of 1")]).await?;
    suspend(false).await?;
    promote(&shop).await?;
    shop.ready_at(&second).await?;
    are(&api, &shop.namespace, &[("web", "4 of 2")]).await
}
