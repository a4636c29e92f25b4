//! Pods that really serve: the lab as the kubelet of every pod whose image is `…/lab/…`.
//!
//! kwok gives such a pod its address. The lab then listens on that address as the pod, makes it ready once it does,
//! answers as the pod's environment says (see `app`) unless a network policy cuts it off, lingers after a deletion as a well-behaved program does, and ends.
//! Only inside a [network of one's own](crate::network) can it listen there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
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
    pods: BTreeMap<String, CancellationToken>,
    tasks: JoinSet<()>,
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
        for pod in list["items"].as_array().into_iter().flatten() {
            self.saw(pod);
        }
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
        let ending = pod["metadata"]["deletionTimestamp"].is_string();
        if !ending && pod["status"]["podIP"].is_string() && !self.pods.contains_key(&uid) {
            let stop = CancellationToken::new();
            self.pods.insert(uid, stop.clone());
            self.tasks.spawn(app::run(
                self.api.clone(),
                self.isolation.clone(),
                pod.clone(),
                stop,
            ));
        } else if ending {
            let stop = self.pods.entry(uid).or_default().clone();
            self.tasks.spawn(end(self.api.clone(), path(pod), stop));
        }
    }

    fn gone(&mut self, pod: &Value) {
        if let Some(stop) = uid(pod).and_then(|uid| self.pods.remove(&uid)) {
            stop.cancel();
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

/// Tells the API server how a pod is.
async fn report(api: &Api, pod: &Value, ready: bool, waiting: Option<&str>) {
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
    // A pod that is gone has nobody to tell.
    let _ = api.patch(&format!("{}/status", path(pod)), &status).await;
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
