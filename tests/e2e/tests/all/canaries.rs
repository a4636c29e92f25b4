//! Canaries without a router: one way for each commit, with whose rights, and in which cluster.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use api::names;
use e2e::{Agent, PATIENCE, Shop};
use lab::{Options, control_plane::Api, eventually, unique};
use serde_json::{Value, json};

use crate::remote::{Far, away, lend};

/// A Deployment of four pods, which names its strategy itself.
pub(crate) fn deployment(name: &str, tag: &str, strategy: &str) -> Value {
    let labels = json!({ "app": name });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": name, "annotations": { names::STRATEGY: strategy } },
        "spec": {
            "replicas": 4,
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "containers": [{ "name": "app", "image": format!("registry.example/{name}:{tag}") }] },
            },
        },
    })
}

/// Commits objects as all that there is.
pub(crate) fn push(shop: &Shop, objects: &[Value]) -> Result<String> {
    let text: String = objects
        .iter()
        .map(|object| format!("---\n{object}\n"))
        .collect();
    let files = [
        ("kustomization.yaml", Some("resources: [shop.yaml]\n")),
        ("shop.yaml", Some(&*text)),
    ];
    shop.push("a version", &files)
}

/// A strategy that stops with one pod of the new version until somebody says so.
pub(crate) async fn strategy(shop: &Shop) -> Result<()> {
    let spec = json!({ "steps": [{ "replicas": 1 }, { "pause": {} }], "progressDeadline": "60s" });
    shop.strategy("one", spec).await
}

/// The images in `namespace`, by the name of the Deployment, and how many pods of each are ready.
async fn images(api: &Api, namespace: &str) -> Result<BTreeMap<String, String>> {
    let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments");
    let list = api.get(&path).await?;
    let all = list["items"].as_array().into_iter().flatten();
    Ok(all
        .map(|one| {
            let image = &one["spec"]["template"]["spec"]["containers"][0]["image"];
            let tag = image.as_str().and_then(|image| image.rsplit(':').next());
            let name = one["metadata"]["name"].as_str().unwrap_or_default();
            let ready = one["status"]["readyReplicas"].as_u64().unwrap_or(0);
            (
                name.to_owned(),
                format!("{ready} of {}", tag.unwrap_or_default()),
            )
        })
        .collect())
}

pub(crate) async fn are(api: &Api, namespace: &str, expected: &[(&str, &str)]) -> Result<()> {
    let expected: BTreeMap<String, String> = expected
        .iter()
        .map(|(name, pods)| ((*name).to_owned(), (*pods).to_owned()))
        .collect();
    eventually(PATIENCE, || async {
        let images = images(api, namespace).await?;
        ensure!(images == expected, "{images:?}, not {expected:?}");
        Ok(())
    })
    .await?;
    Ok(())
}

/// A shop whose first version is there, with the strategy `one`.
pub(crate) async fn opened(name: &str) -> Result<(Shop, Agent, Api)> {
    let shop = Shop::new(name).await?;
    strategy(&shop).await?;
    let api = shop.world.control_plane.api()?;
    let first = push(&shop, &[deployment("web", "1", "one")])?;
    let agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    Ok((shop, agent, api))
}

/// Waits until the rollout waits for somebody.
pub(crate) async fn pauses(shop: &Shop) -> Result<()> {
    shop.rollout_says(&["promote"]).await
}

pub(crate) async fn promote(shop: &Shop) -> Result<()> {
    pauses(shop).await?;
    command(shop, "promote").await
}

/// Says something of the rollout, as a person would.
pub(crate) async fn command(shop: &Shop, action: &str) -> Result<()> {
    let command = json!({ "id": unique(action), "action": action, "by": "ada" });
    let annotations = json!({ names::ROLLOUT_COMMAND: command.to_string() });
    shop.change(json!({ "metadata": { "annotations": annotations } }))
        .await
}

/// One goes with a canary until everybody is on the new version.
async fn goes_through(shop: &Shop, api: &Api) -> Result<()> {
    let second = push(shop, &[deployment("web", "2", "one")])?;
    are(
        api,
        &shop.namespace,
        &[("web", "4 of 1"), ("web-canary", "1 of 2")],
    )
    .await?;
    promote(shop).await?;
    shop.ready_at(&second).await?;
    are(api, &shop.namespace, &[("web", "4 of 2")]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_would_need_two_ways_is_held_and_says_so() -> Result<()> {
    let shop = Shop::new("ways").await?;
    strategy(&shop).await?;
    let api = shop.world.control_plane.api()?;
    let both = |tag: &str| {
        [
            deployment("api", tag, "canary"),
            deployment("web", tag, "one"),
        ]
    };
    let first = push(&shop, &both("1"))?;
    let _agent: Agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    push(&shop, &both("2"))?;
    let told = shop.not_ready("InvalidStrategy").await?;
    for word in [
        "Deployment/",
        "/api canary",
        "/web one",
        "commits of their own",
    ] {
        ensure!(told.message.contains(word), "{word}: {}", told.message);
    }
    are(
        &api,
        &shop.namespace,
        &[("api", "4 of 1"), ("web", "4 of 1")],
    )
    .await?;
    // What serves is still looked after.
    let path = format!(
        "/apis/apps/v1/namespaces/{}/deployments/api",
        shop.namespace
    );
    api.patch(&path, &json!({ "spec": { "replicas": 1 } }))
        .await?;
    are(
        &api,
        &shop.namespace,
        &[("api", "4 of 1"), ("web", "4 of 1")],
    )
    .await?;
    let alone = [
        deployment("api", "1", "canary"),
        deployment("web", "3", "one"),
    ];
    let third = push(&shop, &alone)?;
    promote(&shop).await?;
    shop.ready_at(&third).await?;
    are(
        &api,
        &shop.namespace,
        &[("api", "4 of 1"), ("web", "4 of 3")],
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_is_made_and_looked_at_with_the_rights_of_its_account() -> Result<()> {
    let shop = Shop::new("rights").await?;
    strategy(&shop).await?;
    shop.lend("tenant").await?;
    let api = shop.world.control_plane.api()?;
    let binding = json!({
        "metadata": { "name": "tenant" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "driftless-deployer" },
        "subjects": [{ "kind": "ServiceAccount", "name": "tenant", "namespace": shop.namespace }],
    });
    let path = format!(
        "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
        shop.namespace
    );
    api.create(&path, &binding).await?;
    let mark = shop.mark()?;
    let first = push(&shop, &[deployment("web", "1", "one")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({ "target": { "serviceAccountName": "tenant" } }))
        .await?;
    shop.ready_at(&first).await?;
    goes_through(&shop, &api).await?;
    let who = format!("system:serviceaccount:{}:tenant", shop.namespace);
    let about = |entry: &lab::audit::Entry| entry.namespace == shop.namespace;
    for kind in ["deployments", "pods"] {
        let asked = shop.requests(mark)?.of(kind).only(about);
        let own = asked.only(|entry| entry.impersonated.as_deref() != Some(&who));
        ensure!(own.is_empty(), "{}", own.summary());
        ensure!(kind != "deployments" || asked.iter().any(|one| one.name == "web-canary"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_goes_through_in_another_cluster() -> Result<()> {
    let far = Far::start_with(Options::default()).await?;
    let shop = Shop::new("abroad").await?;
    strategy(&shop).await?;
    lend(&shop, &far.kubeconfig("driftless").await?).await?;
    let first = push(&shop, &[deployment("web", "1", "one")])?;
    let _agent = shop.agent()?;
    shop.environment(away(&shop)).await?;
    shop.ready_at(&first).await?;
    goes_through(&shop, &far.plane.api()?).await?;
    let here = images(&shop.world.control_plane.api()?, &shop.namespace).await?;
    ensure!(here.is_empty(), "{here:?}");
    Ok(())
}
