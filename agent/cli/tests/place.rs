//! A namespace of a real API server that knows Driftless, and the program pointed at it.
//!
//! No agent runs here: what an agent would have written, the tests write.

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lab::{Api, ControlPlane, eventually, unique};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::{Ran, driftless};

pub(crate) const OLD: &str = "1111111aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(crate) const NEW: &str = "2222222bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

pub(crate) struct Place {
    pub(crate) api: Api,
    pub(crate) namespace: String,
    pub(crate) home: tempfile::TempDir,
    pub(crate) kubeconfig: PathBuf,
}

impl Place {
    pub(crate) async fn new() -> Self {
        static INSTALLED: OnceCell<()> = OnceCell::const_new();
        let lab = ControlPlane::shared().await;
        let api = lab.api().unwrap();
        INSTALLED.get_or_init(|| install(&api)).await;
        let place = Self {
            api,
            namespace: unique("cli"),
            home: tempfile::tempdir().unwrap(),
            kubeconfig: lab.kubeconfig(),
        };
        place.make_namespace(&place.namespace).await;
        place
    }

    /// Runs the program in this namespace.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_in(&self.namespace, args)
    }

    /// Runs the program in another namespace.
    pub(crate) fn run_in(&self, namespace: &str, args: &[&str]) -> Ran {
        let kubeconfig = self.kubeconfig.display().to_string();
        let place = ["--kubeconfig", &kubeconfig, "-n", namespace];
        driftless(self.home.path(), &[args, &place].concat())
    }

    /// `args`, and which cluster and namespace is meant.
    pub(crate) fn args(&self, args: &[&str]) -> Vec<String> {
        let kubeconfig = self.kubeconfig.display().to_string();
        let place = ["--kubeconfig", &kubeconfig, "-n", &self.namespace];
        args.iter().chain(&place).map(ToString::to_string).collect()
    }

    pub(crate) async fn make_namespace(&self, name: &str) {
        let object =
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        self.api
            .create("/api/v1/namespaces", &object)
            .await
            .unwrap();
    }

    pub(crate) fn path(&self, plural: &str) -> String {
        format!(
            "/apis/driftless.dev/v1alpha1/namespaces/{}/{plural}",
            self.namespace
        )
    }

    /// Makes an Environment; `spec` is merged into a plain one.
    pub(crate) async fn environment(&self, name: &str, spec: Value, status: Value) -> Value {
        let mut object = json!({
            "apiVersion": "driftless.dev/v1alpha1",
            "kind": "Environment",
            "metadata": { "name": name },
            "spec": { "source": { "url": "https://git.example.com/config.git", "branch": name, "path": format!("overlays/{name}") } },
        });
        for (key, value) in spec.as_object().unwrap() {
            object["spec"][key] = value.clone();
        }
        self.api
            .create(&self.path("environments"), &object)
            .await
            .unwrap();
        self.status("environments", name, status).await
    }

    /// Makes the `number`th Release of an Environment.
    pub(crate) async fn release(
        &self,
        environment: &str,
        number: u64,
        revision: &str,
        status: Value,
    ) {
        let name = api::names::release(environment, number);
        let object = json!({
            "apiVersion": "driftless.dev/v1alpha1",
            "kind": "Release",
            "metadata": { "name": name, "labels": { "driftless.dev/environment": api::names::environment_label(&self.namespace, environment) } },
            "spec": {
                "environment": environment, "number": number, "revision": revision,
                "branch": environment, "path": format!("overlays/{environment}"),
                "commit": { "author": "Ada", "subject": format!("change {number}") },
                "trigger": "Webhook",
            },
        });
        self.api
            .create(&self.path("releases"), &object)
            .await
            .unwrap();
        self.status("releases", &name, status).await;
    }

    pub(crate) async fn status(&self, plural: &str, name: &str, status: Value) -> Value {
        let path = format!("{}/{name}/status", self.path(plural));
        self.api
            .patch(&path, &json!({ "status": status }))
            .await
            .unwrap()
    }
}

/// A moment so long ago that its age reads the same for as long as a test takes.
pub(crate) fn ago(hours: i64) -> String {
    let half = SignedDuration::from_mins(30);
    (Timestamp::now() - SignedDuration::from_hours(hours) - half).to_string()
}

pub(crate) fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": ago(3), "observedGeneration": 1,
    })
}

/// What an agent says of an Environment that is well.
pub(crate) fn ready(release: &str) -> Value {
    json!({
        "observedGeneration": 1, "revision": { "seen": OLD, "applied": OLD },
        "release": release, "health": "Healthy", "objects": 17, "drift": { "count": 0 },
        "conditions": [condition("Ready", "True", "InSync", "17 objects in sync")],
    })
}

async fn install(api: &Api) {
    for crd in api::schema::crds() {
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        api.create(path, &serde_json::to_value(&crd).unwrap())
            .await
            .unwrap();
        let plural = crd.spec.names.plural;
        let path = format!("/apis/driftless.dev/v1alpha1/{plural}");
        eventually(Duration::from_mins(1), || api.get(&path))
            .await
            .unwrap();
    }
}
