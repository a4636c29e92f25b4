use cluster::{Limits, ResolveError};
use futures::future::join_all;
use krm::Gvk;
use serde_json::json;

use crate::{
    fake::{Fake, answer},
    world::{PATIENCE, cluster, plane},
};

#[tokio::test]
async fn finds_kinds_and_says_which_are_missing() {
    let cluster = cluster().await;
    let web = cluster
        .resolve(&Gvk::new("apps/v1", "Deployment"))
        .await
        .unwrap();
    assert_eq!((web.plural.as_str(), web.namespaced), ("deployments", true));
    assert!(web.can("patch") && !web.can("dance"));
    let namespace = cluster.resolve(&Gvk::new("v1", "Namespace")).await.unwrap();
    assert!(!namespace.namespaced);
    for missing in [
        Gvk::new("apps/v1beta1", "Deployment"),
        Gvk::new("v1", "Deploymnet"),
        Gvk::new("no.such/v1", "X"),
    ] {
        let error = cluster.resolve(&missing).await.unwrap_err();
        assert!(
            matches!(&error, ResolveError::UnknownKind(gvk) if *gvk == missing),
            "{error:?}"
        );
    }
    assert!(cluster.version().await.unwrap().starts_with("v1."));
}

#[tokio::test]
async fn a_new_kind_is_found_after_it_was_missing() {
    let cluster = cluster().await;
    let group = format!("{}.example.com", lab::unique("g"));
    let gvk = Gvk::new(&format!("{group}/v1"), "Thing");
    assert!(cluster.resolve(&gvk).await.is_err());
    let schema = json!({ "openAPIV3Schema": { "type": "object" } });
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("things.{group}") },
        "spec": { "group": group, "scope": "Namespaced", "names": { "plural": "things", "kind": "Thing" },
            "versions": [{ "name": "v1", "served": true, "storage": true, "schema": schema }] } });
    let api = plane().await.api().unwrap();
    api.create(
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        &crd,
    )
    .await
    .unwrap();
    let found = lab::eventually(PATIENCE, || async {
        cluster.forget_discovery();
        cluster.resolve(&gvk).await
    });
    assert_eq!(found.await.unwrap().plural, "things");
}

#[tokio::test]
async fn a_broken_aggregated_api_makes_only_its_own_kinds_unknown() {
    let cluster = cluster().await;
    let group = format!("{}.example.com", lab::unique("agg"));
    let service = json!({
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": { "name": format!("v1.{group}") },
        "spec": { "group": group, "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 1,
            "insecureSkipTLSVerify": true, "service": { "namespace": "default", "name": "nobody" } } });
    let api = plane().await.api().unwrap();
    api.create("/apis/apiregistration.k8s.io/v1/apiservices", &service)
        .await
        .unwrap();
    let gvk = Gvk::new(&format!("{group}/v1"), "Thing");
    let partial = || async {
        cluster.forget_discovery();
        match cluster.resolve(&gvk).await {
            Err(ResolveError::Partial { .. }) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    };
    lab::eventually(PATIENCE, partial).await.unwrap();
    cluster
        .resolve(&Gvk::new("apps/v1", "Deployment"))
        .await
        .unwrap();
}

/// As at a start, where all Environments want to know the same.
#[tokio::test]
async fn many_that_ask_at_once_share_an_answer_but_not_a_refusal() {
    let list = json!({ "kind": "APIResourceList", "resources": [
        { "name": "configmaps", "kind": "ConfigMap", "namespaced": true },
        { "name": "secrets", "kind": "Secret", "namespaced": true } ] });
    let good = answer("200 OK", "application/json", &list.to_string());
    let bad = answer("500 Oh", "application/json", "{}");
    let kinds = ["ConfigMap", "Secret", "ConfigMap", "Secret"].map(|kind| Gvk::new("v1", kind));
    for (said, answered, asked) in [(good, true, 1), (bad, false, kinds.len())] {
        let fake = Fake::saying(said, Limits::default()).await;
        let all = join_all(kinds.iter().map(|kind| fake.cluster.resolve(kind))).await;
        assert!(all.iter().all(|one| one.is_ok() == answered), "{all:?}");
        assert_eq!(fake.asked(), asked);
    }
}
