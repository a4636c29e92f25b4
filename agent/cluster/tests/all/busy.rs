//! A server that has few seats for us costs time and no failed object.

use cluster::{Cluster, ServiceAccount};
use futures::future::join_all;
use lab::audit::{Entries, Mark};
use serde_json::json;

use crate::world::{PATIENCE, Place, plane};

/// Many times the seats there are.
const OBJECTS: usize = 120;

/// What the server wrote down about one tenant's applies since `mark`.
async fn applies(place: &Place, mark: Mark) -> Entries {
    let entries = plane().await.audit().since(mark).unwrap();
    entries.within(&place.namespace).of("configmaps")
}

/// A tenant with rights of its own and a priority level with hardly any seats.
async fn cramped(place: &Place) -> Cluster {
    let api = plane().await.api().unwrap();
    let namespace = &place.namespace;
    let rbac = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}");
    let rule = json!({ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "patch"] });
    let role = json!({ "metadata": { "name": "deployer" }, "rules": [rule] });
    let account = json!({ "kind": "ServiceAccount", "name": "deployer", "namespace": namespace });
    let reference =
        json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer" });
    let binding =
        json!({ "metadata": { "name": "deployer" }, "roleRef": reference, "subjects": [account] });
    let level = json!({ "metadata": { "name": namespace }, "spec": { "type": "Limited", "limited": {
        "nominalConcurrencyShares": 1, "lendablePercent": 0, "borrowingLimitPercent": 0,
        "limitResponse": { "type": "Reject" } } } });
    let subject = json!({ "kind": "ServiceAccount", "serviceAccount": { "name": "deployer", "namespace": namespace } });
    let rules = json!([{ "subjects": [subject], "resourceRules": [{
        "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": true }] }]);
    let schema = json!({ "metadata": { "name": namespace }, "spec": {
        "priorityLevelConfiguration": { "name": namespace }, "matchingPrecedence": 100, "rules": rules } });
    let flows = "/apis/flowcontrol.apiserver.k8s.io/v1";
    for (path, object) in [
        (format!("{rbac}/roles"), role),
        (format!("{rbac}/rolebindings"), binding),
        (format!("{flows}/prioritylevelconfigurations"), level),
        (format!("{flows}/flowschemas"), schema),
    ] {
        api.create(&path, &object).await.unwrap();
    }
    let who = ServiceAccount::new(namespace, "deployer").unwrap();
    place.cluster.impersonate(&who).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_seats_are_few_every_object_still_gets_in() {
    let place = Place::of("v1", "ConfigMap").await;
    let tenant = cramped(&place).await;
    let mark = plane().await.audit().mark().unwrap();
    let began = std::time::Instant::now();
    // The server takes up its new rules after a moment.
    for round in 0.. {
        let body = json!({ "data": { "round": round.to_string() } });
        let apply = |number: usize| {
            let (place, tenant, body) = (&place, &tenant, &body);
            async move {
                place
                    .apply_as(tenant, &format!("x{number}"), body, true)
                    .await
            }
        };
        for applied in join_all((0..OBJECTS).map(apply)).await {
            applied.unwrap();
        }
        if applies(&place, mark)
            .await
            .iter()
            .any(|entry| entry.code == 429)
        {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "the server never refuses");
    }
    let all = applies(&place, mark).await;
    let refused = all.iter().filter(|entry| entry.code == 429).count();
    assert!(
        refused < OBJECTS,
        "{refused} refusals: fewer at once would have done"
    );
}
