use std::{collections::BTreeMap, pin::pin, time::Duration};

use cluster::lease::{Group, Lease, LeaseError, LeaseEvent, Leases};
use futures::StreamExt as _;
use tokio::time::timeout;

use crate::world::{PATIENCE, Place};

fn leases(place: &Place, identity: &str) -> Leases {
    let group = Group {
        namespace: place.namespace.clone(),
        name: "agents".into(),
        identity: identity.into(),
        ttl: Duration::from_secs(12),
    };
    Leases::new(&place.cluster, group)
}

fn says(text: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("says".to_owned(), text.to_owned())])
}

/// Waits until `wanted` is shown.
async fn shown(
    events: &mut (impl futures::Stream<Item = LeaseEvent> + Unpin),
    wanted: impl Fn(&LeaseEvent) -> bool,
) -> LeaseEvent {
    let search = async {
        loop {
            let event = events.next().await.unwrap();
            if wanted(&event) {
                return event;
            }
        }
    };
    timeout(PATIENCE, search).await.expect("it is shown")
}

#[tokio::test]
async fn replicas_see_what_each_other_says_and_when_one_leaves() {
    let place = Place::of("coordination.k8s.io/v1", "Lease").await;
    let (mut one, mut two) = (leases(&place, "Pod.One"), leases(&place, "Pod.One"));
    assert_ne!(
        one.name(),
        two.name(),
        "not even an earlier self has its name"
    );
    assert!(one.name().starts_with("agents-pod-one-"), "{}", one.name());
    let mut events = pin!(two.events());
    shown(&mut events, |event| matches!(event, LeaseEvent::Synced)).await;

    one.write(&says("a"), false).await.unwrap();
    let is = |wanted: &'static str, held: bool| {
        move |event: &LeaseEvent| match event {
            LeaseEvent::Seen(lease) => {
                lease
                    .annotations
                    .get("says")
                    .is_some_and(|says| says == wanted)
                    && lease.holder.is_some() == held
            }
            _ => false,
        }
    };
    shown(&mut events, is("a", true)).await;
    one.write(&says("b"), false).await.unwrap();
    let LeaseEvent::Seen(seen) = shown(&mut events, is("b", true)).await else {
        unreachable!("only what is seen says anything");
    };
    assert_eq!(seen.holder.as_deref(), Some("Pod.One"));
    assert_eq!(seen.ttl, Duration::from_secs(12));
    two.write(&says("c"), false).await.unwrap();
    let names: Vec<String> = two
        .list()
        .await
        .unwrap()
        .into_iter()
        .map(|lease| lease.name)
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");

    one.write(&says("d"), true).await.unwrap();
    shown(&mut events, is("d", false)).await;
    one.leave().await.unwrap();
    let gone = shown(&mut events, |event| {
        matches!(event, LeaseEvent::Gone { .. })
    })
    .await;
    assert!(matches!(gone, LeaseEvent::Gone { uid, .. } if uid == seen.uid));
}

#[tokio::test]
async fn whoever_finds_its_lease_changed_or_deleted_is_told_so_and_can_go_on() {
    let place = Place::of("coordination.k8s.io/v1", "Lease").await;
    let mut ours = leases(&place, "one");
    ours.write(&says("a"), false).await.unwrap();
    let name = ours.name().to_owned();
    let theirs = serde_json::json!({ "spec": { "holderIdentity": "thief" } });
    place.edit("thief", &name, &theirs).await;
    let refused = ours.write(&says("b"), false).await.unwrap_err();
    assert!(matches!(refused, LeaseError::Stale), "{refused}");
    ours.write(&says("b"), false).await.unwrap();

    let [before]: [Lease; 1] = ours.list().await.unwrap().try_into().unwrap();
    let other = leases(&place, "two");
    other.clear_up(&name, &before.uid, "1").await.unwrap();
    assert_eq!(
        ours.list().await.unwrap().len(),
        1,
        "it has changed since then"
    );
    other
        .clear_up(&name, &before.uid, &before.version)
        .await
        .unwrap();
    assert!(ours.list().await.unwrap().is_empty());
    let refused = ours.write(&says("c"), false).await.unwrap_err();
    assert!(matches!(refused, LeaseError::Gone), "{refused}");
    ours.write(&says("c"), false).await.unwrap();
    let [after]: [Lease; 1] = ours.list().await.unwrap().try_into().unwrap();
    assert_ne!(after.uid, before.uid);
    assert!(!ours.lost(&before.uid) && ours.lost(&after.uid));
}

#[tokio::test]
async fn behind_a_closed_fence_nothing_is_written_but_everything_can_be_read() {
    let place = Place::of("v1", "ConfigMap").await;
    let tenure = cluster::lease::Tenure::default();
    let closed = place.cluster.fenced(&tenure.fence());
    let now = tokio::time::Instant::now();
    tenure.extend(now, Duration::from_mins(1), now);
    let fence = tenure.fence();
    let open = place.cluster.fenced(&fence);
    let maps = |cluster: &cluster::Cluster| {
        let kind = kube::core::GroupVersionKind::gvk("", "v1", "ConfigMap");
        let kind = kube::core::ApiResource::from_gvk(&kind);
        kube::Api::<kube::core::DynamicObject>::namespaced_with(
            cluster.client(),
            &place.namespace,
            &kind,
        )
    };
    let map =
        serde_json::json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" } });
    let map = serde_json::from_value(map).unwrap();
    let params = kube::api::PostParams::default();
    let refused = maps(&closed).create(&params, &map).await.unwrap_err();
    assert!(
        refused.to_string().contains("Lease has run out"),
        "{refused}"
    );
    maps(&open).create(&params, &map).await.unwrap();
    maps(&closed).get("a").await.unwrap();
    tenure.end();
    let delete = maps(&open)
        .delete("a", &kube::api::DeleteParams::default())
        .await;
    assert!(delete.is_err());
    maps(&open).get("a").await.unwrap();
}
