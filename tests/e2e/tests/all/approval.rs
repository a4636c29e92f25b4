//! What waits for an approval, and that one approval is enough and never too much.

use anyhow::{Context as _, Result, ensure};
use e2e::{Agent, AgentOptions, PATIENCE, Shop, config_map, is_ready, ready};
use k8s_openapi::api::{
    admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding},
    apps::v1::Deployment,
};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use lab::eventually;
use serde_json::json;

/// A policy that refuses to delete ConfigMaps of some names. It ends with the test.
struct Refusal {
    policies: Api<ValidatingAdmissionPolicy>,
    name: String,
}

impl Refusal {
    /// Comes back once it is in force.
    async fn of(shop: &Shop, names: &[&str]) -> Result<Self> {
        let policies = Api::all(shop.client.clone());
        let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(shop.client.clone());
        let name = format!("{}.example.com", shop.namespace);
        let rule = json!({ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["DELETE"], "resources": ["configmaps"] });
        let policy = json!({ "metadata": { "name": name }, "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [rule],
                "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": shop.namespace } },
            },
            "validations": [{ "expression": format!("!(oldObject.metadata.name in {names:?})"), "message": "it is needed for the audit" }],
        } });
        policies
            .create(&PostParams::default(), &serde_json::from_value(policy)?)
            .await?;
        let binding = json!({ "metadata": { "name": name }, "spec": { "policyName": name, "validationActions": ["Deny"] } });
        bindings
            .create(&PostParams::default(), &serde_json::from_value(binding)?)
            .await?;
        let first = names.first().context("no name")?;
        eventually(PATIENCE, || async {
            let dry = shop
                .maps()
                .delete(first, &DeleteParams::default().dry_run())
                .await;
            ensure!(dry.is_err(), "not in force");
            Ok(())
        })
        .await?;
        Ok(Self { policies, name })
    }

    async fn lift(self) -> Result<()> {
        self.policies
            .delete(&self.name, &DeleteParams::default())
            .await?;
        Ok(())
    }
}

/// The names of the maps that were deleted, sorted.
fn deleted(shop: &Shop, mark: lab::audit::Mark) -> Result<Vec<String>> {
    let maps = shop.requests(mark)?.writes().of("configmaps");
    let gone = maps.only(|entry| entry.verb == "delete" && entry.succeeded());
    let mut names: Vec<_> = gone.iter().map(|entry| entry.name.clone()).collect();
    names.sort_unstable();
    Ok(names)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approved_prune_goes_on_after_refusals_and_a_kill() -> Result<()> {
    let shop = Shop::new("cutoff").await?;
    let names: Vec<String> = (0..14).map(|number| format!("m{number:02}")).collect();
    let all: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let first = shop.push_maps("fourteen", &all)?;
    let options = AgentOptions {
        lease_seconds: 3,
        ..AgentOptions::alone(&shop.namespace)
    };
    let agent = Agent::start(shop.world, options.clone())?;
    shop.environment(json!({ "pruneBudget": { "objects": 1, "percent": 0 } }))
        .await?;
    shop.ready_at(&first).await?;
    let refusal = Refusal::of(&shop, &["m05", "m06"]).await?;
    let mark = shop.mark()?;
    shop.push_maps("four", &all[..4])?;
    let pending = shop
        .status("a plan", |status| status.pending.is_some())
        .await?
        .pending;
    let digest = pending.context("no plan")?.digest;
    assert_eq!(shop.values().await?.len(), 14);
    shop.approve(&digest).await?;
    // Two are refused: told, kept in the inventory, and the eight others go.
    let status = shop.status("two refused", |status| {
        status.failures.len() == 2
            && ready(status).is_some_and(|ready| ready.reason == "PruneFailed")
    });
    let status = status.await?;
    assert!(
        status
            .failures
            .iter()
            .all(|failure| failure.message.contains("needed for the audit")),
        "{:?}",
        status.failures
    );
    assert_eq!(status.pending, None);
    assert_eq!(shop.values().await?.len(), 6);
    agent.process.kill();
    drop(agent);
    // The approval is withdrawn, and one more object leaves git meanwhile: within the budget.
    shop.change(json!({ "metadata": { "annotations": { api::names::APPROVED_PLAN: null } } }))
        .await?;
    let last = shop.push_maps("three", &all[..3])?;
    let again = AgentOptions {
        identity: format!("{}-again", shop.namespace),
        ..options
    };
    let _agent = Agent::start(shop.world, again)?;
    eventually(PATIENCE, || async {
        let left = shop.values().await?.len();
        ensure!(left == 5, "{left} are there");
        Ok(())
    })
    .await?;
    refusal.lift().await?;
    shop.ready_at(&last).await?;
    assert_eq!(shop.values().await?.len(), 3);
    let gone = deleted(&shop, mark)?;
    assert_eq!(gone, names[3..], "each once, and no other");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hangs_on_a_finalizer_is_told_and_holds_up_nothing() -> Result<()> {
    let shop = Shop::new("hangs").await?;
    let first = shop.push_maps("three", &[("a", "1"), ("b", "1"), ("c", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let hold = |finalizers: serde_json::Value| {
        Patch::Merge(json!({ "metadata": { "finalizers": finalizers } }))
    };
    let params = PatchParams::default();
    shop.maps()
        .patch("b", &params, &hold(json!(["example.com/backup"])))
        .await?;
    let second = shop.push_maps("one", &[("a", "2")])?;
    let status = shop.status("ready although b hangs", |status| {
        status.revision.applied.as_deref() == Some(&second)
            && is_ready(status)
            && status.leaving.len() == 1
    });
    let status = status.await?;
    assert!(
        status.leaving[0].message.contains("example.com/backup"),
        "{:?}",
        status.leaving
    );
    let message = &ready(&status).context("no word")?.message;
    assert!(message.contains("b is not gone yet"), "{message}");
    assert!(!shop.values().await?.contains_key("c"));
    // New commits go on, and nobody asks again.
    let mark = shop.mark()?;
    let third = shop.push_maps("again", &[("a", "3")])?;
    shop.ready_at(&third).await?;
    let deletes = shop.requests(mark)?.only(|entry| entry.verb == "delete");
    assert!(deletes.is_empty(), "{}", deletes.summary());
    shop.maps().patch("b", &params, &hold(json!(null))).await?;
    shop.status("told when it is gone", |status| {
        status.leaving.is_empty() && status.objects == 1
    })
    .await?;
    Ok(())
}

fn deployment(app: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  annotations: {{ driftless.dev/recreate: allowed }}\nspec:\n  replicas: 0\n  selector: {{ matchLabels: {{ app: {app} }} }}\n  template:\n    metadata: {{ labels: {{ app: {app} }} }}\n    spec: {{ containers: [{{ name: web, image: web }}] }}\n"
    )
}

/// A Deployment with a selector of its own, and a map beside it.
fn push_web(shop: &Shop, app: &str, value: &str) -> Result<String> {
    let list = "resources: [web.yaml, a.yaml]\n";
    let files = [
        ("kustomization.yaml", Some(list)),
        ("web.yaml", Some(&*deployment(app))),
        ("a.yaml", Some(&*config_map("a", value))),
    ];
    shop.push(app, &files)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn making_anew_what_serves_waits_for_approval() -> Result<()> {
    let shop = Shop::new("anew").await?;
    let push = |app: &str, value: &str| push_web(&shop, app, value);
    let first = push("one", "1")?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let api: Api<Deployment> = Api::namespaced(shop.client.clone(), &shop.namespace);
    let uid = api.get("web").await?.metadata.uid;
    let mark = shop.mark()?;
    push("two", "2")?;
    let plan = || async {
        let status = shop
            .status("a plan", |status| status.pending.is_some())
            .await?;
        status.pending.context("no plan")
    };
    let stale = plan().await?;
    assert_eq!(
        stale.objects,
        [format!("Deployment/{}/web (made anew)", shop.namespace)]
    );
    assert_eq!(shop.values().await?["a"], "2", "nobody else is held up");
    // Another content is another plan.
    let third = push("three", "3")?;
    let seen = shop.status("the newer plan", |status| {
        status
            .pending
            .as_ref()
            .is_some_and(|plan| plan.digest != stale.digest)
    });
    let fresh = seen.await?.pending.context("no plan")?;
    shop.approve(&stale.digest).await?;
    shop.looks("stale").await?;
    shop.status("still waiting", |status| {
        status.pending.is_some()
            && ready(status).is_some_and(|ready| ready.reason == "ApprovalNeeded")
    })
    .await?;
    assert_eq!(api.get("web").await?.metadata.uid, uid);
    shop.approve(&fresh.digest).await?;
    shop.ready_at(&third).await?;
    assert_ne!(api.get("web").await?.metadata.uid, uid);
    let deletes = shop
        .requests(mark)?
        .writes()
        .only(|entry| entry.verb == "delete");
    assert_eq!(deletes.len(), 1, "{}", deletes.summary());
    Ok(())
}
