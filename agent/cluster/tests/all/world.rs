//! The API server all tests share, and short ways to use it.

use std::time::Duration;

use cluster::{Applied, Apply, ApplyError, Cluster, Connect, Facts, Live, Resource, Watched};
use futures::{Stream, StreamExt as _};
use krm::Gvk;
use lab::{ControlPlane, Options};
use serde_json::{Value, json};
use tokio::{sync::OnceCell, time::timeout};

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// etcd and an API server, where nothing but the tests changes objects.
pub(crate) async fn plane() -> &'static ControlPlane {
    static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();
    let start = || async {
        ControlPlane::start(Options::apiserver_only())
            .await
            .unwrap()
    };
    SHARED.get_or_init(start).await
}

pub(crate) async fn cluster() -> Cluster {
    let kubeconfig = Some(plane().await.kubeconfig());
    Cluster::connect(&Connect {
        kubeconfig,
        ..Connect::default()
    })
    .await
    .unwrap()
}

/// A namespace of the test's own, and a kind of objects in it.
pub(crate) struct Place {
    pub(crate) cluster: Cluster,
    pub(crate) namespace: String,
    pub(crate) resource: Resource,
}

impl Place {
    pub(crate) async fn of(api_version: &str, kind: &str) -> Self {
        let cluster = cluster().await;
        let resource = cluster.resolve(&Gvk::new(api_version, kind)).await.unwrap();
        let namespace = lab::unique("cluster");
        let body = json!({ "metadata": { "name": namespace } });
        plane()
            .await
            .api()
            .unwrap()
            .create("/api/v1/namespaces", &body)
            .await
            .unwrap();
        Self {
            cluster,
            namespace,
            resource,
        }
    }

    pub(crate) async fn apply(&self, name: &str, rest: &Value) -> Result<Applied, ApplyError> {
        self.apply_as(&self.cluster, name, rest, true).await
    }

    pub(crate) async fn apply_as(
        &self,
        cluster: &Cluster,
        name: &str,
        rest: &Value,
        force: bool,
    ) -> Result<Applied, ApplyError> {
        let body = self.body(name, rest);
        let (resource, namespace) = (&self.resource, self.namespace.as_str());
        cluster
            .apply(Apply {
                resource,
                namespace,
                name,
                body: &body,
                force,
                dry_run: false,
            })
            .await
    }

    pub(crate) fn body(&self, name: &str, rest: &Value) -> Value {
        let mut body = rest.clone();
        body["apiVersion"] = json!(self.resource.gvk.api_version());
        body["kind"] = json!(self.resource.gvk.kind);
        body["metadata"]["name"] = json!(name);
        body["metadata"]["namespace"] = json!(self.namespace);
        body
    }

    pub(crate) async fn facts(&self, name: &str) -> Facts {
        self.look(name).await.unwrap().facts
    }

    pub(crate) async fn look(&self, name: &str) -> Option<Live> {
        self.cluster
            .look(&self.resource, &self.namespace, name)
            .await
            .unwrap()
    }

    pub(crate) async fn get(&self, name: &str) -> Value {
        self.cluster
            .get(&self.resource, &self.namespace, name)
            .await
            .unwrap()
            .unwrap()
    }

    /// A merge patch by somebody else.
    pub(crate) async fn edit(&self, manager: &str, name: &str, change: &Value) -> Value {
        let path = format!("{}/{name}?fieldManager={manager}", self.path());
        plane()
            .await
            .api()
            .unwrap()
            .patch(&path, change)
            .await
            .unwrap()
    }

    /// A create by somebody else.
    pub(crate) async fn create(&self, manager: &str, name: &str, rest: &Value) -> Value {
        let path = format!("{}?fieldManager={manager}", self.path());
        plane()
            .await
            .api()
            .unwrap()
            .create(&path, &self.body(name, rest))
            .await
            .unwrap()
    }

    pub(crate) fn path(&self) -> String {
        let gvk = &self.resource.gvk;
        let root = if gvk.group.is_empty() {
            "/api"
        } else {
            "/apis"
        };
        format!(
            "{root}/{}/namespaces/{}/{}",
            gvk.api_version(),
            self.namespace,
            self.resource.plural
        )
    }
}

/// Takes events until one gives what is looked for.
pub(crate) async fn until<T>(
    events: &mut (impl Stream<Item = Watched> + Unpin),
    mut find: impl FnMut(Watched) -> Option<T>,
) -> T {
    let search = async {
        loop {
            if let Some(found) = find(events.next().await.unwrap()) {
                return found;
            }
        }
    };
    timeout(PATIENCE, search).await.expect("the event comes")
}

/// The next object that is shown.
pub(crate) async fn object(events: &mut (impl Stream<Item = Watched> + Unpin)) -> Live {
    until(events, |event| match event {
        Watched::Object(live) => Some(*live),
        _ => None,
    })
    .await
}
