use cluster::{Apply, CallError, Cluster, Connect, Delete, Deleted, Detail, Propagation, Watched};
use krm::Gvk;
use lab::{ControlPlane, Options, Part};
use serde_json::json;

use crate::world::{PATIENCE, Place, object, plane, until};

#[tokio::test]
async fn lists_in_pages() {
    let place = Place::of("v1", "ConfigMap").await;
    for index in 0..105 {
        let body = json!({ "data": { "a": "1" } });
        place.apply(&format!("x{index:03}"), &body).await.unwrap();
    }
    let namespace = Some(place.namespace.clone());
    let watch = place
        .cluster
        .watch(&place.resource, namespace, String::new(), Detail::Full);
    let (mut seen, mut restarts) = (0, 0);
    until(&mut Box::pin(watch), |event| {
        match event {
            Watched::Restarted => restarts += 1,
            Watched::Object(live) => {
                seen += 1;
                let body = live.body.unwrap();
                assert_eq!(
                    (&body["kind"], &body["data"]["a"]),
                    (&json!("ConfigMap"), &json!("1"))
                );
                assert!(body["metadata"]["managedFields"].is_null());
            }
            Watched::Synced => return Some(()),
            other => panic!("{other:?}"),
        }
        None
    })
    .await;
    assert_eq!((seen, restarts), (105, 1));
    let entries = plane()
        .await
        .audit()
        .entries()
        .unwrap()
        .within(&place.namespace);
    assert_eq!(
        entries.iter().filter(|entry| entry.verb == "list").count(),
        2
    );
    let facts = place
        .cluster
        .list_facts(&place.resource, Some(&place.namespace), "")
        .await;
    assert_eq!(facts.unwrap().len(), 105);
}

#[tokio::test]
async fn lists_many_only_for_some() {
    let place = Place::of("v1", "ConfigMap").await;
    for index in 0..105 {
        let body = json!({ "data": { "a": "1" } });
        place.apply(&format!("x{index:03}"), &body).await.unwrap();
    }
    let audit = plane().await.audit();
    let listed = async |wanted: usize| {
        let mark = audit.mark().unwrap();
        let namespace = Some(&*place.namespace);
        let facts = place
            .cluster
            .list_facts_for(&place.resource, namespace, wanted)
            .await;
        let facts = facts.unwrap().map(|facts| facts.len());
        // The answer may be here before the line is written.
        let lists = lab::eventually(PATIENCE, || async {
            let entries = audit.since(mark).unwrap().within(&place.namespace);
            let lists = entries.iter().filter(|entry| entry.verb == "list").count();
            (lists > 0 && (lists > 1 || facts.is_none() || wanted > 52))
                .then_some(lists)
                .ok_or("not written yet")
        });
        (facts, lists.await.unwrap())
    };
    assert_eq!(listed(4).await, (None, 1), "four are read one by one");
    assert_eq!(listed(10).await, (Some(105), 2));
    assert_eq!(listed(60).await, (Some(105), 1));
}

#[tokio::test]
async fn shows_every_change_and_every_end() {
    let place = Place::of("v1", "ConfigMap").await;
    place
        .apply("x", &json!({ "data": { "a": "1" } }))
        .await
        .unwrap();
    let namespace = Some(place.namespace.clone());
    let watch = place
        .cluster
        .watch(&place.resource, namespace, String::new(), Detail::Full);
    let mut events = Box::pin(watch);
    until(&mut events, |event| {
        matches!(event, Watched::Synced).then_some(())
    })
    .await;
    place
        .apply("x", &json!({ "data": { "a": "2" } }))
        .await
        .unwrap();
    let live = object(&mut events).await;
    assert_eq!(live.body.unwrap()["data"]["a"], "2");
    let delete = Delete {
        resource: &place.resource,
        namespace: &place.namespace,
        name: "x",
        uid: &live.facts.uid,
        propagation: Propagation::Background,
        dry_run: false,
    };
    assert_eq!(place.cluster.delete(delete).await.unwrap(), Deleted::Gone);
    let gone = until(&mut events, |event| match event {
        Watched::Gone { id, uid } => Some((id.name, uid)),
        _ => None,
    });
    assert_eq!(gone.await, ("x".to_owned(), live.facts.uid));
}

#[tokio::test]
async fn an_object_that_loses_the_label_is_gone() {
    let place = Place::of("v1", "ConfigMap").await;
    let labels = |value: serde_json::Value| json!({ "metadata": { "labels": { "mine": value } } });
    place
        .apply("x", &labels(json!(place.namespace)))
        .await
        .unwrap();
    let selector = format!("mine={}", place.namespace);
    let mut events = Box::pin(place.cluster.watch(
        &place.resource,
        None,
        selector,
        Detail::Metadata,
    ));
    let uid = object(&mut events).await.facts.uid;
    place
        .edit("vandal", "x", &labels(serde_json::Value::Null))
        .await;
    let gone = until(&mut events, |event| match event {
        Watched::Gone { uid, .. } => Some(uid),
        _ => None,
    });
    assert_eq!(gone.await, uid);
}

#[tokio::test]
async fn a_secret_comes_without_its_body_whatever_was_asked_for() {
    let place = Place::of("v1", "Secret").await;
    place
        .apply("db", &json!({ "data": { "password": "aHVudGVyMg==" } }))
        .await
        .unwrap();
    let namespace = Some(place.namespace.clone());
    let mut events = Box::pin(place.cluster.watch(
        &place.resource,
        namespace,
        String::new(),
        Detail::Full,
    ));
    let listed = object(&mut events).await;
    place
        .edit(
            "kubectl",
            "db",
            &json!({ "data": { "password": "aHVudGVyMw==" } }),
        )
        .await;
    let watched = object(&mut events).await;
    for live in [listed, watched] {
        assert!(live.body.is_none());
        assert!(!format!("{live:?}").contains("aHVudGVy"));
    }
    // It did not even leave the server.
    let entries = plane()
        .await
        .audit()
        .entries()
        .unwrap()
        .within(&place.namespace)
        .of("secrets");
    let list = entries.iter().find(|entry| entry.verb == "list").unwrap();
    assert!(
        !list
            .response
            .as_ref()
            .is_some_and(|answer| answer.to_string().contains("aHVudGVy"))
    );
}

#[tokio::test]
async fn a_kind_that_is_gone_is_told_as_such() {
    let mut place = Place::of("v1", "ConfigMap").await;
    place.resource.plural = "nosuchthings".into();
    let mut events = Box::pin(place.cluster.watch(
        &place.resource,
        None,
        String::new(),
        Detail::Metadata,
    ));
    let fault = until(&mut events, |event| match event {
        Watched::Failed(fault) => Some(fault),
        other => panic!("{other:?}"),
    });
    assert!(matches!(*fault.await, CallError::UnknownKind(_)));
}

#[tokio::test]
async fn nothing_to_see_is_a_complete_list_too() {
    for kind in ["ConfigMap", "Secret", "Event"] {
        let place = Place::of("v1", kind).await;
        for detail in [Detail::Metadata, Detail::Full] {
            let namespace = Some(place.namespace.clone());
            let mut events = Box::pin(place.cluster.watch(
                &place.resource,
                namespace,
                String::new(),
                detail,
            ));
            until(&mut events, |event| match event {
                Watched::Restarted => None,
                Watched::Synced => Some(()),
                other => panic!("{other:?}"),
            })
            .await;
        }
    }
}

#[tokio::test]
async fn goes_on_after_the_server_was_away_without_another_list() {
    let plane = ControlPlane::start(Options::apiserver_only())
        .await
        .unwrap();
    let connect = Connect {
        kubeconfig: Some(plane.kubeconfig()),
        ..Connect::default()
    };
    let cluster = Cluster::connect(&connect).await.unwrap();
    let resource = cluster.resolve(&Gvk::new("v1", "ConfigMap")).await.unwrap();
    let namespace = Some("default".to_owned());
    let mut events = Box::pin(cluster.watch(&resource, namespace, String::new(), Detail::Metadata));
    until(&mut events, |event| {
        matches!(event, Watched::Synced).then_some(())
    })
    .await;

    let mark = plane.audit().mark().unwrap();
    plane.kill(Part::ApiServer);
    until(&mut events, |event| {
        matches!(event, Watched::Failed(_)).then_some(())
    })
    .await;
    plane.restart(Part::ApiServer).await.unwrap();
    let body = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "late", "namespace": "default" } });
    let (resource, namespace, name) = (&resource, "default", "late");
    let apply = Apply {
        resource,
        namespace,
        name,
        body: &body,
        force: true,
        dry_run: false,
    };
    cluster.apply(apply).await.unwrap();
    until(&mut events, |event| match event {
        Watched::Object(live) => (live.facts.id.name == "late").then_some(()),
        Watched::Restarted => panic!("listed anew"),
        _ => None,
    })
    .await;
    let lists = plane.audit().since(mark).unwrap().of("configmaps");
    let lists =
        lists.only(|entry| entry.verb == "list" && entry.user_agent.starts_with("driftless"));
    assert!(lists.is_empty(), "{}", lists.summary());
}
