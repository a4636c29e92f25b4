//! Tenants: whose rights are used, how far they reach, and what stays out of their hands.

use anyhow::Result;
use api::v1alpha1::Inventory;
use e2e::{Agent, AgentOptions, Shop, config_map};
use kube::{
    Api, Client, Config,
    api::{ListParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use lab::unique;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_about_its_objects_is_made_as_its_account() -> Result<()> {
    let shop = Shop::new("account").await?;
    shop.lend("tenant").await?;
    shop.entitle("tenant").await?;
    let first = shop.push_maps("first", &[("a", "1"), ("b", "1"), ("kept", "1")])?;
    let mark = shop.mark()?;
    let options = AgentOptions {
        more: [
            "--default-service-account",
            "tenant",
            "--require-service-account",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..AgentOptions::alone(&shop.namespace)
    };
    let _agent = Agent::start(shop.world, options)?;
    // Named by the agent's setting, not by the spec.
    shop.environment(json!({ "onDelete": "prune" })).await?;
    shop.ready_at(&first).await?;
    let second = shop.push_maps("second", &[("a", "2"), ("kept", "1")])?;
    shop.ready_at(&second).await?;
    shop.delete("shop").await?;
    shop.gone("shop").await?;
    let requests = shop.requests(mark)?.of("configmaps");
    let who = format!("system:serviceaccount:{}:tenant", shop.namespace);
    for verb in ["get", "patch", "delete"] {
        assert!(requests.iter().any(|entry| entry.verb == verb), "{verb}");
    }
    // The watch of a kind is shared by all, so it is the agent's own.
    let watch = |entry: &lab::audit::Entry| {
        ["list", "watch"].contains(&&*entry.verb) && entry.uri.contains("labelSelector")
    };
    let own = requests.only(|entry| entry.impersonated.as_deref() != Some(&who) && !watch(entry));
    assert!(own.is_empty(), "{}", own.summary());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_account_it_keeps_to_its_namespace() -> Result<()> {
    let shop = Shop::new("reach").await?;
    let far = config_map("far", "1").replace("metadata:\n", "metadata:\n  namespace: default\n");
    let (near, list) = (
        config_map("near", "1"),
        "resources: [near.yaml, far.yaml]\n",
    );
    let files = [
        ("kustomization.yaml", Some(list)),
        ("near.yaml", Some(near.as_str())),
        ("far.yaml", Some(far.as_str())),
    ];
    shop.push("both", &files)?;
    let mark = shop.mark()?;
    let agent = shop.agent()?;
    shop.environment(json!({})).await?;
    let message = shop.not_ready("ApplyFailed").await?.message;
    assert!(
        message.contains("ConfigMap/default/far")
            && message.contains("far.yaml")
            && message.contains("serviceAccountName"),
        "{message}"
    );
    assert_eq!(shop.values().await?.len(), 1, "the other is applied");
    let far = shop.requests(mark)?.of("configmaps").within("default");
    assert!(far.is_empty(), "{}", far.summary());
    // Nor may it take the agent's own namespace as its target.
    shop.environment(json!({ "target": { "namespace": "driftless-system" } }))
        .await?;
    let message = shop.not_ready("InvalidSpec").await?.message;
    assert!(message.contains("driftless-system"), "{message}");
    drop(agent);
    // An agent that lends its rights to nobody.
    shop.environment(json!({ "target": { "namespace": shop.namespace } }))
        .await?;
    let options = AgentOptions {
        identity: format!("{}-strict", shop.namespace),
        more: vec!["--require-service-account".to_owned()],
        ..AgentOptions::alone(&shop.namespace)
    };
    let _agent = Agent::start(shop.world, options)?;
    shop.status("refused", |status| {
        e2e::ready(status)
            .is_some_and(|ready| ready.message.contains("lends its own rights to nobody"))
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_inventory_is_out_of_the_tenants_reach() -> Result<()> {
    let shop = Shop::new("record").await?;
    let name = unique("forged");
    let forged = format!(
        "apiVersion: driftless.dev/v1alpha1\nkind: Inventory\nmetadata:\n  name: {name}\nspec:\n  owner: {{ namespace: kube-system, name: x, uid: x }}\n  shard: 0\n"
    );
    let list = "resources: [forged.yaml]\n";
    shop.push(
        "forged",
        &[
            ("kustomization.yaml", Some(list)),
            ("forged.yaml", Some(&forged)),
        ],
    )?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    let message = shop.not_ready("ApplyFailed").await?.message;
    assert!(message.contains("the agent's own record"), "{message}");
    // A tenant with all that its namespace gives can neither read nor write the real ones.
    shop.entitle("tenant").await?;
    let control_plane = shop.world.control_plane;
    let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> =
        Api::namespaced(shop.client.clone(), &shop.namespace);
    let account = serde_json::from_value(json!({ "metadata": { "name": "tenant" } }))?;
    accounts.create(&PostParams::default(), &account).await?;
    let path = control_plane
        .kubeconfig_for_service_account(&shop.namespace, "tenant")
        .await?;
    let config =
        Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &KubeConfigOptions::default())
            .await?;
    let tenant = Client::try_from(config)?;
    let inventories: Api<Inventory> = Api::namespaced(tenant, "driftless-system");
    let refused =
        |error: kube::Error| matches!(error, kube::Error::Api(status) if status.code == 403);
    assert!(
        inventories
            .list(&ListParams::default())
            .await
            .is_err_and(refused)
    );
    let forged = serde_json::from_value(
        json!({ "metadata": { "name": name }, "spec": { "owner": { "namespace": "x", "name": "x", "uid": "x" }, "shard": 0 } }),
    )?;
    assert!(
        inventories
            .create(&PostParams::default(), &forged)
            .await
            .is_err_and(refused)
    );
    Ok(())
}
