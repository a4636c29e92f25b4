use std::time::Duration;

use cluster::lease::{Election, Fence, elector};
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, timeout},
};

use crate::world::{PATIENCE, Place};

const TTL: Duration = Duration::from_secs(5);

struct Candidate {
    fence: Fence,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

fn candidate(place: &Place, identity: &str) -> Candidate {
    let (elector, fence) = elector(
        &place.cluster,
        Election {
            namespace: place.namespace.clone(),
            name: "agent".into(),
            identity: identity.into(),
            ttl: TTL,
            renew: Duration::from_secs(1),
        },
    );
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(elector.run(async move { drop(stopped.await) }));
    Candidate { fence, stop, task }
}

async fn gained(fence: &mut Fence) {
    timeout(PATIENCE, fence.gained())
        .await
        .expect("the Lease is gained");
}

#[tokio::test]
async fn one_leads_and_gives_way_at_once_when_it_stops() {
    let place = Place::of("v1", "ConfigMap").await;
    let mut one = candidate(&place, "one");
    gained(&mut one.fence).await;
    let mut two = candidate(&place, "two");
    let waiting = timeout(Duration::from_secs(2), two.fence.gained()).await;
    assert!(waiting.is_err() && one.fence.holds());
    assert_eq!(
        two.fence.check().unwrap_err().to_string(),
        "this agent does not hold the Lease; one does"
    );

    let stopped = Instant::now();
    one.stop.send(()).unwrap();
    gained(&mut two.fence).await;
    assert!(stopped.elapsed() < TTL / 2, "{:?}", stopped.elapsed());
    assert!(!one.fence.holds());
    one.task.await.unwrap();
}

#[tokio::test]
async fn a_holder_that_stands_still_is_fenced_before_another_takes_over() {
    let place = Place::of("v1", "ConfigMap").await;
    let mut one = candidate(&place, "one");
    gained(&mut one.fence).await;
    let mut two = candidate(&place, "two");
    // As frozen as by a signal: nothing is renewed, nothing is given back.
    one.task.abort();
    let frozen = Instant::now();
    gained(&mut two.fence).await;
    assert!(!one.fence.holds(), "both lead");
    assert!(frozen.elapsed() < TTL * 3, "{:?}", frozen.elapsed());
    drop(one.stop);
}

#[tokio::test]
async fn a_holder_whose_lease_was_taken_away_notices() {
    let place = Place::of("coordination.k8s.io/v1", "Lease").await;
    let mut one = candidate(&place, "one");
    gained(&mut one.fence).await;
    place
        .edit(
            "thief",
            "agent",
            &serde_json::json!({ "spec": { "holderIdentity": "thief" } }),
        )
        .await;
    timeout(PATIENCE, one.fence.lost())
        .await
        .expect("the loss is noticed");
    assert_eq!(one.fence.leadership().holder.as_deref(), Some("thief"));
    // The thief never renews, so after a while it counts as dead.
    gained(&mut one.fence).await;
    one.stop.send(()).unwrap();
    one.task.await.unwrap();
}
