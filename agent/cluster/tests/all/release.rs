//! Letting objects go.

use cluster::{Release, ReleaseError, Released};
use serde_json::json;

use crate::world::Place;

async fn release(place: &Place, name: &str, uid: &str) -> Result<Released, ReleaseError> {
    let (resource, namespace) = (&place.resource, place.namespace.as_str());
    let release = Release {
        resource,
        namespace,
        name,
        uid,
    };
    place.cluster.release(release).await
}

#[tokio::test]
async fn takes_the_label_off_the_object_with_this_uid_and_no_other() {
    for kind in ["ConfigMap", "Secret"] {
        let place = Place::of("v1", kind).await;
        let labelled = json!({ "metadata": { "labels": { "driftless.dev/environment": "shop.x", "mine": "stays" } } });
        let uid = place.apply("x", &labelled).await.unwrap().facts.uid;
        let other = "11111111-2222-3333-4444-555555555555";
        assert_eq!(
            release(&place, "x", other).await.unwrap(),
            Released::OtherUid
        );
        assert!(place.look("x").await.unwrap().facts.environment.is_some());
        assert_eq!(release(&place, "x", &uid).await.unwrap(), Released::Free);
        let facts = place.look("x").await.unwrap().facts;
        assert_eq!((facts.uid, facts.environment), (uid.clone(), None));
        assert!(facts.owner.is_some(), "what was applied is still known");
        // Once more changes nothing.
        assert_eq!(release(&place, "x", &uid).await.unwrap(), Released::Free);
        assert_eq!(release(&place, "y", &uid).await.unwrap(), Released::Gone);
    }
}
