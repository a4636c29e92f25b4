use cluster::{Delete, DeleteError, Deleted, Propagation};
use serde_json::json;

use crate::world::Place;

async fn delete(
    place: &Place,
    name: &str,
    uid: &str,
    dry_run: bool,
) -> Result<Deleted, DeleteError> {
    let (resource, namespace) = (&place.resource, place.namespace.as_str());
    let propagation = Propagation::Background;
    place
        .cluster
        .delete(Delete {
            resource,
            namespace,
            name,
            uid,
            propagation,
            dry_run,
        })
        .await
}

#[tokio::test]
async fn deletes_the_object_with_this_uid_and_no_other() {
    let place = Place::of("v1", "ConfigMap").await;
    let uid = place.apply("x", &json!({})).await.unwrap().facts.uid;
    assert_eq!(
        delete(&place, "x", "11111111-2222-3333-4444-555555555555", false)
            .await
            .unwrap(),
        Deleted::OtherUid
    );
    assert!(matches!(
        delete(&place, "x", "", false).await,
        Err(DeleteError::NoUid(_))
    ));
    assert_eq!(
        delete(&place, "x", &uid, true).await.unwrap(),
        Deleted::Gone
    );
    assert!(place.look("x").await.is_some());
    assert_eq!(
        delete(&place, "x", &uid, false).await.unwrap(),
        Deleted::Gone
    );
    assert!(place.look("x").await.is_none());
    assert_eq!(
        delete(&place, "x", &uid, false).await.unwrap(),
        Deleted::Gone
    );
}

#[tokio::test]
async fn says_who_must_agree_first() {
    for kind in ["ConfigMap", "Secret"] {
        let place = Place::of("v1", kind).await;
        let finalizers = json!({ "metadata": { "finalizers": ["example.com/hold"] } });
        let uid = place.apply("x", &finalizers).await.unwrap().facts.uid;
        let deleted = delete(&place, "x", &uid, false).await.unwrap();
        assert_eq!(deleted, Deleted::Pending(vec!["example.com/hold".into()]));
        assert!(place.facts("x").await.deleting.is_some());
    }
}

#[tokio::test]
async fn a_kind_that_is_not_there_is_no_proof_that_its_objects_are_gone() {
    let mut place = Place::of("v1", "ConfigMap").await;
    place.resource.plural = "nosuchthings".into();
    let error = delete(&place, "x", "some-uid", false).await.unwrap_err();
    assert!(
        matches!(error, DeleteError::Call(cluster::CallError::UnknownKind(_))),
        "{error:?}"
    );
}
