//! Fields change hands on a real API server: from other appliers to us, from us to others, and from people away.

use cluster::ApplyError;
use plan::{
    drift::foreign,
    fields::{FieldPath, Wish, handover, is_person, sources},
};
use serde_json::{Value, json};

use crate::world::{Place, plane};

const WISH: Wish<'static> = Wish {
    manager: "driftless",
    keeper: "driftless-ignored",
    api_version: "v1",
    take_over: false,
    leave: &[],
    take_out: &[],
};

/// Rewrites the managed fields as wished. False if they were as wished before.
async fn hand(place: &Place, name: &str, wish: &Wish<'_>) -> bool {
    let live = place.look(name).await.unwrap();
    let api_version = &place.resource.gvk.api_version();
    let wish = Wish {
        api_version,
        ..*wish
    };
    let Some(handover) = handover(&live.managed_fields, &wish).unwrap() else {
        return false;
    };
    let after = place
        .cluster
        .reassign(&place.resource, &live.facts, &handover.managed_fields)
        .await
        .unwrap();
    assert_eq!(after.facts.uid, live.facts.uid);
    true
}

const TAKE_OVER: Wish<'static> = Wish {
    take_over: true,
    ..WISH
};

fn paths(texts: &[&str]) -> Vec<FieldPath> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// A Deployment whose one container is as given.
fn deployment(container: &Value) -> Value {
    json!({ "spec": { "selector": { "matchLabels": { "app": "web" } },
        "template": { "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [container] } } } })
}

/// A server-side apply by somebody else.
async fn apply_by(place: &Place, manager: &str, name: &str, rest: &Value) {
    use kube::{
        Api,
        api::{DynamicObject, Patch, PatchParams},
        core::{ApiResource, GroupVersionKind},
    };
    let gvk = &place.resource.gvk;
    let kind = GroupVersionKind::gvk(&gvk.group, &gvk.version, &gvk.kind);
    let resource = ApiResource::from_gvk_with_plural(&kind, &place.resource.plural);
    let api: Api<DynamicObject> =
        Api::namespaced_with(place.cluster.client(), &place.namespace, &resource);
    let (body, params) = (place.body(name, rest), PatchParams::apply(manager));
    api.patch(name, &params, &Patch::Apply(&body))
        .await
        .unwrap();
}

#[tokio::test]
async fn fields_of_other_appliers_go_when_git_does_not_mention_them() {
    for (manager, applies) in [
        ("kubectl-client-side-apply", false),
        ("kubectl-create", false),
        ("before-first-apply", false),
        ("argocd-controller", false),
        ("argocd-controller", true),
        ("kubectl", true),
        ("kustomize-controller", true),
    ] {
        let place = Place::of("v1", "ConfigMap").await;
        let made = json!({ "data": { "a": "1", "old": "1" } });
        match applies {
            true => apply_by(&place, manager, "x", &made).await,
            false => drop(place.create(manager, "x", &made).await),
        }
        place
            .edit("kubectl-edit", "x", &json!({ "data": { "theirs": "1" } }))
            .await;
        let live = place.look("x").await.unwrap();
        assert_eq!(sources(&live.managed_fields), [manager]);
        assert!(hand(&place, "x", &TAKE_OVER).await);
        place
            .apply("x", &json!({ "data": { "a": "1" } }))
            .await
            .unwrap();
        assert_eq!(
            place.get("x").await["data"],
            json!({ "a": "1", "theirs": "1" }),
            "{manager}"
        );
        assert!(!hand(&place, "x", &TAKE_OVER).await, "once is enough");
    }
}

#[tokio::test]
async fn list_entries_are_neither_lost_nor_doubled() {
    let (one, two) = (
        json!({ "name": "A", "value": "1" }),
        json!({ "name": "B", "value": "2" }),
    );
    let (tcp, udp) = (
        json!({ "containerPort": 53 }),
        json!({ "containerPort": 53, "protocol": "UDP" }),
    );
    let before = json!({ "name": "web", "image": "web:1", "env": [one, two], "ports": [tcp, udp] });
    let after = json!({ "name": "web", "image": "web:1", "env": [two], "ports": [udp] });
    for (manager, applies) in [
        ("kubectl-client-side-apply", false),
        ("kustomize-controller", true),
    ] {
        let place = Place::of("apps/v1", "Deployment").await;
        match applies {
            true => apply_by(&place, manager, "web", &deployment(&before)).await,
            false => drop(place.create(manager, "web", &deployment(&before)).await),
        }
        hand(&place, "web", &TAKE_OVER).await;
        // The same as before changes nothing.
        place.apply("web", &deployment(&before)).await.unwrap();
        let containers = |object: &Value| object["spec"]["template"]["spec"]["containers"].clone();
        let same = containers(&place.get("web").await);
        assert_eq!(same.as_array().unwrap().len(), 1);
        assert_eq!(same[0]["env"], json!([one, two]));
        assert_eq!(same[0]["ports"].as_array().unwrap().len(), 2);
        // What git then drops is gone, although somebody else had made it.
        place.apply("web", &deployment(&after)).await.unwrap();
        let fewer = containers(&place.get("web").await);
        assert_eq!(fewer[0]["env"], json!([two]));
        assert_eq!(fewer[0]["ports"], json!([udp]));
        // A container that has another name in git does not stand beside its former self.
        let renamed = json!({ "name": "app", "image": "web:1" });
        place.apply("web", &deployment(&renamed)).await.unwrap();
        let renamed = containers(&place.get("web").await);
        assert_eq!(renamed.as_array().unwrap().len(), 1, "{renamed}");
    }
}

#[tokio::test]
async fn an_object_that_changed_meanwhile_is_left_alone() {
    let place = Place::of("v1", "ConfigMap").await;
    place
        .create("kubectl", "x", &json!({ "data": { "a": "1" } }))
        .await;
    let live = place.look("x").await.unwrap();
    let done = handover(&live.managed_fields, &TAKE_OVER).unwrap().unwrap();
    place
        .edit("kubectl-edit", "x", &json!({ "data": { "b": "1" } }))
        .await;
    let error = place
        .cluster
        .reassign(&place.resource, &live.facts, &done.managed_fields)
        .await
        .unwrap_err();
    assert!(matches!(error, ApplyError::Contended), "{error:?}");
    assert_eq!(place.facts("x").await.owner, None);
}

#[tokio::test]
async fn a_field_that_is_left_to_others_keeps_its_value_and_is_theirs_to_change() {
    let place = Place::of("apps/v1", "Deployment").await;
    let limited =
        json!({ "name": "web", "image": "web:1", "resources": { "limits": { "cpu": "1" } } });
    let plain = json!({ "name": "web", "image": "web:1" });
    let with = |container: &Value, replicas: Option<u32>| {
        let mut body = deployment(container);
        if let Some(replicas) = replicas {
            body["spec"]["replicas"] = json!(replicas);
        }
        body
    };
    let leave = paths(&[
        "/spec/replicas",
        "/spec/template/spec/containers[name=web]/resources",
    ]);
    let wish = Wish {
        leave: &leave,
        ..WISH
    };
    place.apply("web", &with(&limited, Some(3))).await.unwrap();
    assert!(hand(&place, "web", &wish).await);
    let baseline = place.apply("web", &with(&plain, None)).await.unwrap();
    let live = place.get("web").await;
    assert_eq!(live["spec"]["replicas"], 3);
    let resources = "/spec/template/spec/containers/0/resources/limits/cpu";
    assert_eq!(live.pointer(resources), Some(&json!("1")));
    assert!(!baseline.changed || baseline.facts.owner.is_some());
    // Somebody changes both: nothing of ours is touched, so nothing is drift, and an apply puts nothing back.
    let scale = format!("{}/web/scale?fieldManager=hpa", place.path());
    let api = plane().await.api().unwrap();
    api.patch(&scale, &json!({ "spec": { "replicas": 7 } }))
        .await
        .unwrap();
    let more =
        json!({ "name": "web", "image": "web:1", "resources": { "limits": { "cpu": "2" } } });
    let patch = json!({ "spec": { "template": { "spec": { "containers": [more] } } } });
    place.edit("vpa", "web", &patch).await;
    assert_eq!(place.facts("web").await.owner, baseline.facts.owner);
    place.apply("web", &with(&plain, None)).await.unwrap();
    let live = place.get("web").await;
    assert_eq!(live["spec"]["replicas"], 7);
    assert_eq!(live.pointer(resources), Some(&json!("2")));
    // No longer left to others: git's values count again.
    hand(&place, "web", &WISH).await;
    place.apply("web", &with(&limited, Some(3))).await.unwrap();
    let live = place.get("web").await;
    assert_eq!(live["spec"]["replicas"], 3);
    assert_eq!(live.pointer(resources), Some(&json!("1")));
    assert!(
        !live["metadata"]["managedFields"]
            .to_string()
            .contains("driftless-ignored")
    );
}

/// Why there is a keeper: the API server takes a value that nobody owns away with its map.
#[tokio::test]
async fn what_is_left_to_others_survives_when_git_drops_all_that_lies_beside_it() {
    for (keeper, survives) in [("driftless-ignored", true), ("", false)] {
        let place = Place::of("v1", "ConfigMap").await;
        let label = json!({ "metadata": { "labels": { "x": "y" } } });
        let mut all = label.clone();
        all["data"] = json!({ "ignored": "1", "ours": "1" });
        place.apply("x", &all).await.unwrap();
        let leave = paths(&["/data/ignored"]);
        let live = place.look("x").await.unwrap();
        let wish = Wish {
            leave: &leave,
            ..WISH
        };
        let mut given = handover(&live.managed_fields, &wish)
            .unwrap()
            .unwrap()
            .managed_fields;
        let kept = given.as_array_mut().unwrap();
        kept.retain(|entry| entry["manager"] == "driftless" || entry["manager"] == keeper);
        place
            .cluster
            .reassign(&place.resource, &live.facts, &given)
            .await
            .unwrap();
        place.apply("x", &label).await.unwrap();
        assert_eq!(
            place.get("x").await["data"]["ignored"] == "1",
            survives,
            "{keeper}"
        );
    }
}

#[tokio::test]
async fn an_item_that_git_drops_goes_with_what_was_left_to_others_in_it() {
    let place = Place::of("apps/v1", "Deployment").await;
    let both = |with_side: bool| {
        let mut body = deployment(&json!({ "name": "web", "image": "web:1" }));
        if with_side {
            let side = json!({ "name": "side", "image": "side:1", "resources": { "limits": { "cpu": "1" } } });
            body["spec"]["template"]["spec"]["containers"]
                .as_array_mut()
                .unwrap()
                .push(side);
        }
        body
    };
    place.apply("web", &both(true)).await.unwrap();
    let leave = paths(&["/spec/template/spec/containers[*]/resources"]);
    hand(
        &place,
        "web",
        &Wish {
            leave: &leave,
            ..WISH
        },
    )
    .await;
    place.apply("web", &both(false)).await.unwrap();
    let containers = place.get("web").await["spec"]["template"]["spec"]["containers"].clone();
    assert_eq!(containers.as_array().unwrap().len(), 1, "{containers}");
}

#[tokio::test]
async fn what_people_added_goes_and_what_others_share_stays() {
    let place = Place::of("apps/v1", "Deployment").await;
    let body = deployment(&json!({ "name": "web", "image": "web:1" }));
    place.apply("web", &body).await.unwrap();
    let theirs = json!({
        "metadata": { "annotations": { "note": "x", "shared": "x" } },
        "spec": { "paused": true, "template": { "spec": {
            "nodeSelector": { "disk": "ssd" },
            "containers": [
                { "name": "web", "image": "web:1", "env": [{ "name": "DEBUG", "value": "1" }], "livenessProbe": { "httpGet": { "port": 80 } } },
                { "name": "debug", "image": "debug:1" },
            ] } } },
    });
    place.edit("kubectl-edit", "web", &theirs).await;
    let shared = json!({ "metadata": { "annotations": { "shared": "x" } },
        "apiVersion": "apps/v1", "kind": "Deployment" });
    apply_by(&place, "controller", "web", &shared).await;
    let live = place.look("web").await.unwrap();
    let found = foreign(&place.body("web", &body), &live.managed_fields, &is_person);
    let share: Vec<_> = found
        .into_iter()
        .map(|field| (field.by, field.fields))
        .collect();
    assert!(
        hand(
            &place,
            "web",
            &Wish {
                take_out: &share,
                ..WISH
            }
        )
        .await
    );
    place.apply("web", &body).await.unwrap();
    let live = place.get("web").await;
    assert_eq!(live["metadata"]["annotations"], json!({ "shared": "x" }));
    assert_eq!(live["spec"].get("paused"), None);
    let pod = &live["spec"]["template"]["spec"];
    assert_eq!(pod.get("nodeSelector"), None);
    assert_eq!(pod["containers"].as_array().unwrap().len(), 1);
    assert_eq!(
        (
            pod["containers"][0].get("env"),
            pod["containers"][0].get("livenessProbe")
        ),
        (None, None)
    );
    let left = place.look("web").await.unwrap();
    let found = foreign(&place.body("web", &body), &left.managed_fields, &is_person);
    assert!(found.is_empty(), "{found:?}");
}
