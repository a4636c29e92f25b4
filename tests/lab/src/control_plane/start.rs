//! Bringing a control plane up: in which order, and when it counts as ready.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::files::Files;
use super::flags::{self, Ports};
use super::{Api, ControlPlane, Options, Part, StartError, io_error};
use crate::build::Programs;
use crate::ports::Port;
use crate::process::Process;

/// Ten times what a start takes on an idle machine: tests run beside builds.
const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(50);

impl ControlPlane {
    /// Folder, ports and files; nothing but the sweeper runs yet.
    pub(super) fn prepare(programs: Programs, options: Options) -> Result<Self, StartError> {
        let directory = tempfile::Builder::new()
            .prefix("driftless-lab-")
            .tempdir()
            .map_err(|error| io_error("a temporary folder", error))?;
        let reserve = || Port::reserve().map_err(|error| io_error("a listener", error));
        let held = vec![reserve()?, reserve()?, reserve()?, reserve()?];
        let ports = Ports {
            etcd: held[0].number,
            etcd_peer: held[1].number,
            apiserver: held[2].number,
            kubelet: held[3].number,
        };
        let url = format!("https://127.0.0.1:{}", ports.apiserver);
        let files = Files::write(directory.path(), url.clone())?;
        let mut sweep = Command::new(&programs.control_plane);
        sweep.arg("sweep").arg(directory.path());
        let sweeper = Process::spawn_unguarded("sweep", sweep, &files.path("sweep.log"))
            .map_err(|error| io_error("the sweeper", error))?;
        Ok(Self {
            parts: Mutex::new(BTreeMap::new()),
            sweeper: Some(sweeper),
            files,
            ports,
            _held: held,
            programs,
            options,
            url,
            directory,
        })
    }

    /// etcd and the API server first, together; the rest once the API server answers.
    pub(super) async fn bring_up(&self) -> Result<(), StartError> {
        let running = self.options.progress.begin("starting the control plane");
        for part in [Part::Etcd, Part::ApiServer] {
            self.launch(part)?;
        }
        self.wait_for_apiserver().await?;
        running.tick("the API server answers");
        for part in [Part::ControllerManager, Part::Scheduler, Part::Kwok] {
            if self.options.parts.contains(&part) {
                self.launch(part)?;
            }
        }
        let api = self.api()?;
        for index in 0..self.options.nodes {
            let node = node(index, self.ports.kubelet);
            api.create("/api/v1/nodes", &node).await?;
        }
        if self.options.parts.contains(&Part::ControllerManager) {
            self.wait_for_default_account(&api).await?;
        }
        running.done();
        Ok(())
    }

    pub(super) async fn wait_for_apiserver(&self) -> Result<(), StartError> {
        let api = self.api()?;
        let since = Instant::now();
        while !api.ready().await {
            self.poll("the API server to be ready", since).await?;
        }
        Ok(())
    }

    /// The controller manager works once it has made the first service account, without which no pod is let in.
    async fn wait_for_default_account(&self, api: &Api) -> Result<(), StartError> {
        let since = Instant::now();
        while api
            .get("/api/v1/namespaces/default/serviceaccounts/default")
            .await
            .is_err()
        {
            self.poll("the default service account", since).await?;
        }
        Ok(())
    }

    async fn poll(&self, waiting: &str, since: Instant) -> Result<(), StartError> {
        self.check(waiting, since)?;
        tokio::time::sleep(POLL).await;
        Ok(())
    }

    /// Whether waiting still makes sense.
    fn check(&self, waiting: &str, since: Instant) -> Result<(), StartError> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((part, process)) = parts.iter().find(|(_, process)| !process.running()) {
            return Err(StartError::Ended {
                part: flags::name(*part),
                tail: process.tail(),
            });
        }
        if since.elapsed() > PATIENCE {
            let tail = parts
                .get(&Part::ApiServer)
                .map(Process::tail)
                .unwrap_or_default();
            let seconds = PATIENCE.as_secs();
            return Err(StartError::Slow {
                seconds,
                waiting: waiting.to_owned(),
                tail,
            });
        }
        Ok(())
    }
}

/// A node that is ready from birth. Nodes, unlike most objects, may be created with their status.
fn node(index: usize, kubelet: u16) -> Value {
    let name = format!("lab-{index}");
    let room =
        json!({ "cpu": "64", "memory": "256Gi", "pods": "10000", "ephemeral-storage": "1Ti" });
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/zone": format!("zone-{}", index % 3),
            },
        },
        "status": {
            "capacity": room, "allocatable": room,
            "addresses": [
                { "type": "Hostname", "address": name },
                { "type": "InternalIP", "address": "127.0.0.1" },
            ],
            "daemonEndpoints": { "kubeletEndpoint": { "Port": kubelet } },
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "KubeletReady",
                "message": "a node of the lab", "lastHeartbeatTime": null, "lastTransitionTime": null,
            }],
        },
    })
}
