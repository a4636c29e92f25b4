//! Ownership tells drift without bodies, and where it does not. Each trap was found by trying.

use cluster::Detail;
use serde_json::{Value, json};

use crate::world::{PATIENCE, Place, object, plane};

#[tokio::test]
async fn an_edit_by_another_manager_shows_in_the_watch_and_goes_when_applied_again() {
    let place = Place::of("v1", "ConfigMap").await;
    let body = json!({ "metadata": { "labels": { "watched": place.namespace } }, "data": { "a": "1", "b": "2" } });
    let applied = place.apply("x", &body).await.unwrap().facts;
    let selector = format!("watched={}", place.namespace);
    let mut events = Box::pin(place.cluster.watch(
        &place.resource,
        None,
        selector,
        Detail::Metadata,
    ));
    // The baseline is what the answer says; the watch says the same.
    assert_eq!(object(&mut events).await.facts.owner, applied.owner);

    place
        .edit("kubectl-edit", "x", &json!({ "data": { "a": "9" } }))
        .await;
    let edited = object(&mut events).await;
    assert_ne!(
        digest(edited.facts.owner.as_ref()),
        digest(applied.owner.as_ref())
    );
    assert!(edited.managed_fields.to_string().contains("kubectl-edit"));

    place.apply("x", &body).await.unwrap();
    assert_eq!(
        digest(object(&mut events).await.facts.owner.as_ref()),
        digest(applied.owner.as_ref())
    );
}

#[tokio::test]
async fn scale_image_and_environment_show_and_status_does_not() {
    let place = Place::of("apps/v1", "Deployment").await;
    let body = json!({ "spec": { "replicas": 2, "selector": { "matchLabels": { "app": "web" } },
        "template": { "metadata": { "labels": { "app": "web" } },
            "spec": { "containers": [{ "name": "web", "image": "web:1", "env": [{ "name": "A", "value": "1" }] }] } } } });
    let api = plane().await.api().unwrap();
    let before = place.apply("web", &body).await.unwrap().facts.owner;
    let web = format!("{}/web", place.path());

    api.patch(
        &format!("{web}/status?fieldManager=kcm"),
        &json!({ "status": { "replicas": 1 } }),
    )
    .await
    .unwrap();
    assert_eq!(place.facts("web").await.owner, before);

    api.patch(
        &format!("{web}/scale?fieldManager=kubectl"),
        &json!({ "spec": { "replicas": 7 } }),
    )
    .await
    .unwrap();
    assert_ne!(
        digest(place.facts("web").await.owner.as_ref()),
        digest(before.as_ref())
    );
    let again = place.apply("web", &body).await.unwrap().facts.owner;
    assert_eq!(digest(again.as_ref()), digest(before.as_ref()));

    for container in [
        json!({ "name": "web", "image": "web:2" }),
        json!({ "name": "web", "image": "web:1", "env": [{ "name": "A", "value": "2" }] }),
    ] {
        let change = json!({ "spec": { "template": { "spec": { "containers": [container] } } } });
        place.edit("kubectl-set", "web", &change).await;
        assert_ne!(
            digest(place.facts("web").await.owner.as_ref()),
            digest(before.as_ref())
        );
        let again = place.apply("web", &body).await.unwrap().facts.owner;
        assert_eq!(digest(again.as_ref()), digest(before.as_ref()));
    }
}

#[tokio::test]
async fn trap_a_an_apply_under_our_name_moves_the_time() {
    let place = Place::of("v1", "ConfigMap").await;
    let before = place
        .apply("x", &json!({ "data": { "a": "1" } }))
        .await
        .unwrap()
        .facts
        .owner
        .unwrap();
    // Times have whole seconds, so the impostor's may be the same for a moment.
    let moved = || async {
        let value = lab::unique("v");
        let now = place
            .apply("x", &json!({ "data": { "a": value } }))
            .await
            .unwrap()
            .facts
            .owner
            .unwrap();
        assert_eq!(now.digest, before.digest);
        (now.time != before.time)
            .then_some(())
            .ok_or("the same second")
    };
    lab::eventually(PATIENCE, moved).await.unwrap();
}

#[tokio::test]
async fn trap_b_string_data_hides_edits_of_data() {
    let place = Place::of("v1", "Secret").await;
    let hidden = place
        .apply("bad", &json!({ "stringData": { "k": "v" } }))
        .await
        .unwrap()
        .facts
        .owner;
    place
        .edit(
            "kubectl-edit",
            "bad",
            &json!({ "data": { "k": "ZWRpdGVk" } }),
        )
        .await;
    assert_eq!(place.facts("bad").await.owner, hidden);

    let seen = place
        .apply("good", &json!({ "data": { "k": "dg==" } }))
        .await
        .unwrap()
        .facts
        .owner;
    place
        .edit(
            "kubectl-edit",
            "good",
            &json!({ "data": { "k": "ZWRpdGVk" } }),
        )
        .await;
    // It was the only field, so no entry is left.
    assert!(seen.is_some() && place.facts("good").await.owner.is_none());
}

#[tokio::test]
async fn trap_c_a_wiped_record_is_no_ownership() {
    let place = Place::of("v1", "ConfigMap").await;
    let body = json!({ "data": { "a": "1" } });
    let before = place.apply("x", &body).await.unwrap().facts.owner;
    place
        .edit(
            "vandal",
            "x",
            &json!({ "metadata": { "managedFields": [{}] } }),
        )
        .await;
    assert_eq!(place.facts("x").await.owner, None);
    let again = place.apply("x", &body).await.unwrap();
    assert_eq!(digest(again.facts.owner.as_ref()), digest(before.as_ref()));
}

#[tokio::test]
async fn trap_d_what_the_answer_says_is_what_a_later_look_says() {
    // Defaults that the server adds beside our fields are not ours, in the answer as later.
    let place = Place::of("v1", "Service").await;
    let body = json!({ "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80, "name": "http" }, { "port": 81, "name": "more" }] } });
    let applied = place.apply("web", &body).await.unwrap();
    assert_eq!(place.facts("web").await.owner, applied.facts.owner);
}

#[tokio::test]
async fn trap_e_fields_of_client_side_apply_survive_until_they_are_migrated() {
    let place = Place::of("v1", "ConfigMap").await;
    place
        .create(
            "kubectl-client-side-apply",
            "x",
            &json!({ "data": { "a": "1", "old": "1" } }),
        )
        .await;
    place
        .apply("x", &json!({ "data": { "a": "1" } }))
        .await
        .unwrap();
    assert_eq!(place.get("x").await["data"]["old"], "1");
}

#[tokio::test]
async fn a_removed_label_shows() {
    let place = Place::of("v1", "ConfigMap").await;
    let body =
        json!({ "metadata": { "labels": { "driftless.dev/environment": "shop.test", "a": "b" } } });
    let applied = place.apply("x", &body).await.unwrap().facts;
    assert_eq!(applied.environment.as_deref(), Some("shop.test"));
    place
        .edit(
            "kubectl-label",
            "x",
            &json!({ "metadata": { "labels": { "a": Value::Null } } }),
        )
        .await;
    assert_ne!(
        digest(place.facts("x").await.owner.as_ref()),
        digest(applied.owner.as_ref())
    );
}

fn digest(owner: Option<&cluster::Ownership>) -> String {
    owner.expect("we own fields").digest.clone()
}
