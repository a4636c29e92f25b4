use cluster::{ApplyError, migrate::migration};
use serde_json::json;

use crate::world::Place;

#[tokio::test]
async fn fields_of_other_appliers_go_when_git_does_not_mention_them() {
    for manager in [
        "kubectl-client-side-apply",
        "kustomize-controller",
        "argocd-controller",
        "before-first-apply",
    ] {
        let place = Place::of("v1", "ConfigMap").await;
        place
            .create(manager, "x", &json!({ "data": { "a": "1", "old": "1" } }))
            .await;
        place
            .edit("kubectl-edit", "x", &json!({ "data": { "theirs": "1" } }))
            .await;
        let live = place.look("x").await.unwrap();
        assert_eq!(migration(&live.managed_fields).unwrap().from, [manager]);
        let from = place
            .cluster
            .adopt(&place.resource, &live.facts, &live.managed_fields)
            .await
            .unwrap();
        assert_eq!(from, [manager]);
        place
            .apply("x", &json!({ "data": { "a": "1" } }))
            .await
            .unwrap();
        assert_eq!(
            place.get("x").await["data"],
            json!({ "a": "1", "theirs": "1" })
        );
        let after = place.look("x").await.unwrap();
        assert_eq!(after.facts.uid, live.facts.uid);
        assert_eq!(migration(&after.managed_fields), None);
    }
}

#[tokio::test]
async fn list_entries_are_neither_lost_nor_doubled() {
    let place = Place::of("apps/v1", "Deployment").await;
    let body = |env: serde_json::Value| {
        json!({ "spec": { "selector": { "matchLabels": { "app": "web" } },
        "template": { "metadata": { "labels": { "app": "web" } },
            "spec": { "containers": [{ "name": "web", "image": "web:1", "env": env }] } } } })
    };
    let (one, two) = (
        json!({ "name": "A", "value": "1" }),
        json!({ "name": "B", "value": "2" }),
    );
    place
        .create("kubectl-client-side-apply", "web", &body(json!([one, two])))
        .await;
    let live = place.look("web").await.unwrap();
    place
        .cluster
        .adopt(&place.resource, &live.facts, &live.managed_fields)
        .await
        .unwrap();
    place.apply("web", &body(json!([two]))).await.unwrap();
    let env = &place.get("web").await["spec"]["template"]["spec"]["containers"][0]["env"];
    assert_eq!(*env, json!([two]));
}

#[tokio::test]
async fn an_object_that_changed_meanwhile_is_left_alone() {
    let place = Place::of("v1", "ConfigMap").await;
    place
        .create("kubectl", "x", &json!({ "data": { "a": "1" } }))
        .await;
    let live = place.look("x").await.unwrap();
    place
        .edit("kubectl-edit", "x", &json!({ "data": { "b": "1" } }))
        .await;
    let error = place
        .cluster
        .adopt(&place.resource, &live.facts, &live.managed_fields)
        .await
        .unwrap_err();
    assert!(matches!(error, ApplyError::Contended), "{error:?}");
    assert_eq!(place.facts("x").await.owner, None);
}
