use std::time::Duration;

use cluster::store::{EnvironmentEvent, environments};
use futures::StreamExt as _;
use kube::CustomResourceExt as _;
use serde_json::json;
use tokio::time::timeout;

use crate::world::{PATIENCE, Place, plane};

#[tokio::test]
async fn an_environment_that_nobody_can_read_does_not_hide_the_others() {
    let place = Place::of("v1", "ConfigMap").await;
    let api = plane().await.api().unwrap();
    let mut crd = serde_json::to_value(api::v1alpha1::Environment::crd()).unwrap();
    // Written when the schema was laxer than the types are now.
    let lax = json!({ "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } });
    crd["spec"]["versions"][0]["schema"] = lax;
    api.create(
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        &crd,
    )
    .await
    .unwrap();
    let path = format!(
        "/apis/driftless.dev/v1alpha1/namespaces/{}/environments",
        place.namespace
    );
    let environment = |name: &str, spec: serde_json::Value| {
        json!({ "apiVersion": "driftless.dev/v1alpha1",
        "kind": "Environment", "metadata": { "name": name }, "spec": spec })
    };
    let good = json!({ "source": { "url": "https://git.example.com/c.git", "branch": "main" } });
    let served = || async { api.get(&path).await };
    lab::eventually(PATIENCE, served).await.unwrap();
    for (name, spec) in [("bad", json!({ "source": 7 })), ("good", good.clone())] {
        api.create(&path, &environment(name, spec)).await.unwrap();
    }
    let mut events = Box::pin(environments(&place.cluster, Some(place.namespace.clone())));
    let (mut good_seen, mut bad_seen) = (false, false);
    while !(good_seen && bad_seen) {
        match timeout(PATIENCE, events.next()).await.unwrap().unwrap() {
            EnvironmentEvent::Present(found) => {
                assert_eq!(found.spec.source.branch, "main");
                good_seen = true;
            }
            EnvironmentEvent::Malformed { name, message, .. } => {
                assert_eq!(name, "bad");
                assert!(message.contains("invalid type"), "{message}");
                bad_seen = true;
            }
            EnvironmentEvent::Synced => {}
            EnvironmentEvent::Gone { name, .. } => panic!("{name} is gone"),
        }
    }
    api.delete(&format!("{path}/good")).await.unwrap();
    let mut later = events.filter(|event| {
        let told = !matches!(event, EnvironmentEvent::Synced);
        std::future::ready(told)
    });
    let gone = timeout(Duration::from_secs(30), later.next())
        .await
        .unwrap()
        .unwrap();
    assert!(
        matches!(&gone, EnvironmentEvent::Gone { name, .. } if name == "good"),
        "{gone:?}"
    );
}
