//! What was decided while the fence was open and reaches the server after it has closed.

use std::{sync::Arc, time::Duration};

use cluster::{Apply, ApplyError, CallError, Cluster, Connect, lease::Tenure};
use lab::eventually;
use serde_json::json;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};

use crate::world::{PATIENCE, Place, plane};

/// A way to the API server on which connections are made at once and go on only once it is opened.
struct Gate {
    cluster: Cluster,
    open: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Gate {
    async fn closed() -> Self {
        let text = std::fs::read_to_string(plane().await.kubeconfig()).unwrap();
        let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
        let server = &mut config["clusters"][0]["cluster"]["server"];
        let real = server.as_str().unwrap().replace("https://", "");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        *server = json!(format!("https://{}", listener.local_addr().unwrap()));
        let (open, waiting) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (opens, waits) = (open.clone(), waiting.clone());
        tokio::spawn(async move {
            let mut all = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let (real, opens, waits) = (real.clone(), opens.clone(), waits.clone());
                all.spawn(async move {
                    waits.add_permits(1);
                    drop(opens.acquire().await);
                    let mut far = TcpStream::connect(real).await.unwrap();
                    drop(copy_bidirectional(&mut near, &mut far).await);
                });
            }
        });
        let connect = Connect::default();
        let cluster = Cluster::from_kubeconfig_text(&config.to_string(), &connect).await;
        Self {
            cluster: cluster.unwrap(),
            open,
            waiting,
        }
    }
}

async fn apply(place: &Place, cluster: &Cluster, name: &str) -> Result<(), ApplyError> {
    let body = place.body(name, &json!({ "data": { "key": "value" } }));
    let apply = Apply {
        resource: &place.resource,
        namespace: &place.namespace,
        name,
        body: &body,
        force: true,
        dry_run: false,
    };
    cluster.apply(apply).await.map(drop)
}

#[tokio::test]
async fn a_write_that_waits_for_its_connection_is_not_sent_once_the_fence_has_closed() {
    let place = Place::of("v1", "ConfigMap").await;
    let (tenure, gate) = (Tenure::default(), Gate::closed().await);
    let now = tokio::time::Instant::now();
    tenure.extend(now, Duration::from_mins(1), now);
    let fenced = gate.cluster.fenced(&tenure.fence());
    let mark = plane().await.audit().mark().unwrap();

    let late = async {
        let written = apply(&place, &fenced, "late").await;
        assert!(
            matches!(written, Err(ApplyError::Call(CallError::NotHeld))),
            "{written:?}"
        );
    };
    let frozen = async {
        drop(gate.waiting.acquire().await.unwrap());
        tenure.end();
        gate.open.add_permits(1);
    };
    tokio::time::timeout(PATIENCE, async { tokio::join!(late, frozen) })
        .await
        .unwrap();

    // The way is open, and who may write gets through.
    apply(&place, &gate.cluster, "after").await.unwrap();
    let seen = eventually(PATIENCE, || async {
        let all = plane()
            .await
            .audit()
            .since(mark)
            .map_err(|error| error.to_string())?;
        let ours = all.within(&place.namespace).writes();
        match ours.named("after").is_empty() {
            true => Err(ours.summary()),
            false => Ok(ours),
        }
    });
    let seen = seen.await.unwrap();
    assert!(seen.named("late").is_empty(), "{}", seen.summary());
    assert!(place.look("late").await.is_none());
}
