//! What people do to objects by hand, and what becomes of it.

use anyhow::{Context as _, Result};
use api::v1alpha1::{DriftAction, DriftEntry};
use e2e::{Agent, PATIENCE, Shop};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::ConfigMap};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use lab::eventually;
use serde_json::{Value, json};

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
      - name: web
        image: web:1
";

/// A shop with one Deployment and one ConfigMap, ready.
async fn shop(name: &str, spec: Value) -> Result<(Shop, Agent)> {
    let shop = Shop::new(name).await?;
    let files = [
        (
            "kustomization.yaml",
            Some("resources: [web.yaml, a.yaml]\n"),
        ),
        ("web.yaml", Some(WEB)),
        (
            "a.yaml",
            Some("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  key: git\n"),
        ),
    ];
    let first = shop.push("first", &files)?;
    let agent = shop.agent()?;
    shop.environment(spec).await?;
    shop.ready_at(&first).await?;
    Ok((shop, agent))
}

async fn entry(shop: &Shop, object: &str) -> Result<DriftEntry> {
    let status = shop
        .status(&format!("drift of {object}"), |status| {
            status
                .drift
                .entries
                .iter()
                .any(|entry| entry.object.contains(object))
        })
        .await?;
    let mut entries = status.drift.entries.into_iter();
    entries
        .find(|entry| entry.object.contains(object))
        .context("no entry")
}

fn manager(name: &str) -> PatchParams {
    PatchParams {
        field_manager: Some(name.to_owned()),
        ..PatchParams::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scale_is_put_back_and_attributed() -> Result<()> {
    let (shop, _agent) = shop("scale", json!({})).await?;
    let web: Api<Deployment> = Api::namespaced(shop.client.clone(), &shop.namespace);
    let five = Patch::Merge(json!({ "spec": { "replicas": 5 } }));
    web.patch_scale("web", &manager("kubectl"), &five).await?;
    let entry = entry(&shop, "Deployment").await?;
    assert_eq!(entry.field.as_deref(), Some("spec.replicas"));
    assert!(
        entry
            .manager
            .as_deref()
            .is_some_and(|who| who.starts_with("kubectl")),
        "{entry:?}"
    );
    assert_eq!(entry.action, DriftAction::Repaired);
    assert!(entry.time.is_some());
    assert_eq!(
        web.get("web").await?.spec.and_then(|spec| spec.replicas),
        Some(2)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_is_put_back_and_attributed() -> Result<()> {
    let (shop, _agent) = shop("edit", json!({})).await?;
    let theirs = Patch::Merge(json!({ "data": { "key": "theirs", "extra": "theirs" } }));
    shop.maps()
        .patch("a", &manager("kubectl-edit"), &theirs)
        .await?;
    let entry = entry(&shop, "ConfigMap").await?;
    assert_eq!(entry.field.as_deref(), Some("data.key"));
    assert_eq!(entry.manager.as_deref(), Some("kubectl-edit"));
    let data = shop.maps().get("a").await?.data.unwrap_or_default();
    assert_eq!(data["key"], "git");
    assert_eq!(
        data["extra"], "theirs",
        "what git does not mention is left to whoever set it"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_label_is_put_back() -> Result<()> {
    let (shop, _agent) = shop("label", json!({})).await?;
    let bare =
        Patch::Merge(json!({ "metadata": { "labels": { api::names::ENVIRONMENT_LABEL: null } } }));
    let uid = shop.maps().get("a").await?.metadata.uid;
    shop.maps()
        .patch("a", &manager("kubectl-label"), &bare)
        .await?;
    eventually(PATIENCE, || async {
        let labels = shop
            .maps()
            .get("a")
            .await?
            .metadata
            .labels
            .unwrap_or_default();
        anyhow::ensure!(
            labels.contains_key(api::names::ENVIRONMENT_LABEL),
            "{labels:?}"
        );
        Ok(())
    })
    .await?;
    assert_eq!(
        shop.maps().get("a").await?.metadata.uid,
        uid,
        "the same object as before"
    );
    let entry = entry(&shop, "ConfigMap").await?;
    // Taking a field away leaves no entry in the managed fields, so the API server does not know who it was.
    assert!(
        entry
            .field
            .as_deref()
            .is_some_and(|field| field.contains("labels")),
        "{entry:?}"
    );
    assert_eq!(entry.action, DriftAction::Repaired);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_object_is_made_again() -> Result<()> {
    let (shop, _agent) = shop("delete", json!({})).await?;
    let before = shop.maps().get("a").await?.metadata.uid;
    shop.maps().delete("a", &DeleteParams::default()).await?;
    let after: ConfigMap = eventually(PATIENCE, || async { shop.maps().get("a").await }).await?;
    assert_ne!(after.metadata.uid, before);
    let entry = entry(&shop, "ConfigMap").await?;
    assert_eq!((entry.field, entry.action), (None, DriftAction::Repaired));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_is_only_told_when_the_spec_says_report() -> Result<()> {
    let (shop, _agent) = shop("report", json!({ "drift": "report" })).await?;
    let mark = shop.mark()?;
    let theirs = Patch::Merge(json!({ "data": { "key": "theirs" } }));
    shop.maps()
        .patch("a", &manager("kubectl-edit"), &theirs)
        .await?;
    let entry = entry(&shop, "ConfigMap").await?;
    assert_eq!(entry.action, DriftAction::Reported);
    let status = shop
        .status("drift counted", |status| status.drift.count == 1)
        .await?;
    assert!(
        e2e::is_ready(&status),
        "report-only drift does not make it unready"
    );
    let writes = shop.requests(mark)?.writes().of("configmaps");
    assert!(writes.is_empty(), "{}", writes.summary());
    assert_eq!(
        shop.maps().get("a").await?.data.unwrap_or_default()["key"],
        "theirs"
    );
    let ours = Patch::Merge(json!({ "data": { "key": "git" } }));
    shop.maps()
        .patch("a", &manager("kubectl-edit"), &ours)
        .await?;
    shop.change(json!({ "spec": { "drift": "repair" } }))
        .await?;
    shop.status("no drift left", |status| status.drift.count == 0)
        .await?;
    Ok(())
}
