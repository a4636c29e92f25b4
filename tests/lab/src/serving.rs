//! Pods that really serve: the lab as the kubelet of every pod whose image is `…/lab/…`.
//!
//! kwok gives such a pod its address. The lab then listens on that address as the pod, makes it ready once it does,
//! answers as the pod's environment says (see `app`) unless a network policy cuts it off, lingers after a deletion as a well-behaved program does, and ends.
//! Only inside a [network of one's own](crate::network) can it listen there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::control_plane::{Api, ApiError, ControlPlane, StartError};

use isolation::Isolation;

pub use app::VERSION_HEADER;

mod app;
mod behaviour;
mod isolation;

/// The collection followed.
const PODS: &str = "/api/v1/pods";
/// How long a pod goes on answering after it was told to end, so that those who route to it can learn of it.
const LINGER: Duration = Duration::from_secs(2);
/// How long to wait before a broken watch is begun anew.
const AGAIN: Duration = Duration::from_millis(200);

/// All pods that serve, for as long as this lives.
#[derive(Debug)]
pub struct Serving {
    task: JoinHandle<()>,
}

struct Kubelet {
    api: Arc<Api>,
    isolation: Arc<Isolation>,
    /// By UID.
    pods: BTreeMap<String, Known>,
    tasks: JoinSet<()>,
}

/// A pod that was seen.
#[derive(Default)]
struct Known {
    stop: CancellationToken,
    /// Whether the API server says that it is ready.
    seen: watch::Sender<bool>,
}

impl Serving {
    /// Begins to serve.
    pub fn start(control_plane: &ControlPlane) -> Result<Self, StartError> {
        let kubelet = Kubelet {
            api: Arc::new(control_plane.api()?),
            isolation: Arc::default(),
            pods: BTreeMap::new(),
            tasks: JoinSet::new(),
        };
        let task = tokio::spawn(kubelet.run());
        Ok(Self { task })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Kubelet {
    async fn run(mut self) {
        let isolation = self.isolation.clone().run(self.api.clone());
        self.tasks.spawn(isolation);
        loop {
            // Begun anew whenever the watch ends, which it does every minute.
            if self.follow().await.is_err() {
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    async fn follow(&mut self) -> Result<(), ApiError> {
        let list = self.api.get(PODS).await?;
        let pods = list["items"].as_array().into_iter().flatten();
        let there: BTreeSet<String> = pods.clone().filter_map(uid).collect();
        // What went while nobody watched must not keep its address.
        self.pods.retain(|uid, known| {
            let stays = there.contains(uid);
            if !stays {
                known.stop.cancel();
            }
            stays
        });
        pods.for_each(|pod| self.saw(pod));
        let version = list["metadata"]["resourceVersion"].as_str().unwrap_or("0");
        let mut events = self.api.watch(PODS, version).await?;
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(event) if event["type"] == "DELETED" => self.gone(&event["object"]),
                    Some(event) => self.saw(&event["object"]),
                    None => return Ok(()),
                },
                Some(_) = self.tasks.join_next() => {}
            }
        }
    }

    fn saw(&mut self, pod: &Value) {
        let Some(uid) = uid(pod).filter(|_| is_ours(pod)) else {
            return;
        };
        if pod["metadata"]["deletionTimestamp"].is_string() {
            let stop = self.pods.entry(uid).or_default().stop.clone();
            self.tasks.spawn(end(self.api.clone(), path(pod), stop));
        } else if let Some(known) = self.pods.get(&uid) {
            known.seen.send_replace(is_ready(pod));
        } else if pod["status"]["podIP"].is_string() {
            let known = Known::default();
            known.seen.send_replace(is_ready(pod));
            self.tasks.spawn(app::run(
                self.api.clone(),
                self.isolation.clone(),
                pod.clone(),
                (known.stop.clone(), known.seen.subscribe()),
            ));
            self.pods.insert(uid, known);
        }
    }

    fn gone(&mut self, pod: &Value) {
        if let Some(known) = uid(pod).and_then(|uid| self.pods.remove(&uid)) {
            known.stop.cancel();
        }
    }
}

/// Lets a pod linger, stops it, and reports it gone.
async fn end(api: Arc<Api>, path: String, stop: CancellationToken) {
    tokio::time::sleep(LINGER).await;
    stop.cancel();
    // Told of the deletion more than once, the second finds nothing.
    let _ = api.delete(&format!("{path}?gracePeriodSeconds=0")).await;
}

/// Tells the API server how a pod is, and again whenever somebody has said otherwise: kwok may play its part twice. For
/// ever, or until the pod is gone.
async fn report(
    api: &Api,
    pod: &Value,
    (ready, waiting): (bool, Option<&str>),
    seen: &mut watch::Receiver<bool>,
) {
    loop {
        seen.mark_unchanged();
        while let Err(error) = tell(api, pod, ready, waiting).await {
            if matches!(error, ApiError::Refused { code: 404, .. }) {
                return std::future::pending().await;
            }
            tokio::time::sleep(AGAIN).await;
        }
        loop {
            if seen.changed().await.is_err() {
                return std::future::pending().await;
            }
            if *seen.borrow_and_update() != ready {
                break;
            }
        }
    }
}

async fn tell(api: &Api, pod: &Value, ready: bool, waiting: Option<&str>) -> Result<(), ApiError> {
    let word = if ready { "True" } else { "False" };
    let mut conditions = pod["status"]["conditions"].clone();
    for condition in conditions.as_array_mut().into_iter().flatten() {
        if condition["type"] == "Ready" || condition["type"] == "ContainersReady" {
            condition["status"] = word.into();
        }
    }
    let mut containers = pod["status"]["containerStatuses"].clone();
    for container in containers.as_array_mut().into_iter().flatten() {
        container["ready"] = ready.into();
        if let Some(reason) = waiting {
            container["state"] =
                json!({ "waiting": { "reason": reason, "message": "said by the lab" } });
            container["restartCount"] = 1.into();
        }
    }
    let status = json!({ "status": { "conditions": conditions, "containerStatuses": containers } });
    api.patch(&format!("{}/status", path(pod)), &status)
        .await
        .map(drop)
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|one| one["type"] == "Ready" && one["status"] == "True")
}

fn is_ours(pod: &Value) -> bool {
    let containers = pod["spec"]["containers"].as_array();
    let mut images = containers
        .into_iter()
        .flatten()
        .filter_map(|container| container["image"].as_str());
    images.any(|image| image.contains("/lab/"))
}

fn uid(pod: &Value) -> Option<String> {
    pod["metadata"]["uid"].as_str().map(str::to_owned)
}

fn path(pod: &Value) -> String {
    let text = |field: &str| {
        pod["metadata"][field]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    format!(
        "/api/v1/namespaces/{}/pods/{}",
        text("namespace"),
        text("name")
    )
}
