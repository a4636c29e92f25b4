//! What all scenarios share: one control plane with a gateway, and one namespace, host and load each.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use e2e::{PATIENCE, World};
use lab::control_plane::Api;
use lab::gateway;
use lab::load::Samples;
use lab::{Gateway, Load, Options, Progress, Prometheus, Serving, eventually, unique};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// Users a second where figures are taken.
const PUBLISHED: u32 = 300;

/// True if figures are taken.
pub(crate) fn figures_are_taken() -> bool {
    std::env::var_os("ROLLOUTS_TABLE").is_some()
}

/// How many users a second there are.
pub(crate) fn rate(per_second: u32) -> u32 {
    match figures_are_taken() {
        true => per_second.max(PUBLISHED),
        false => per_second,
    }
}

/// The cluster of this test binary.
pub(crate) struct Stage {
    pub(crate) world: &'static World,
    pub(crate) gateway: Gateway,
    pub(crate) prometheus: Prometheus,
    _serving: Serving,
}

impl Stage {
    /// Set up by the first scenario that asks.
    pub(crate) async fn shared() -> Result<&'static Self> {
        static STAGE: OnceCell<Stage> = OnceCell::const_new();
        STAGE.get_or_try_init(Self::set).await
    }

    async fn set() -> Result<Self> {
        let world = World::start(Options::default().autoscaler()).await?;
        let serving = Serving::start(world.control_plane)?;
        let gateway = Gateway::start(world.control_plane, &Progress::default()).await?;
        let targets = [("gateway", gateway.metrics())];
        let folder = world.control_plane.directory();
        let prometheus = Prometheus::start(folder, &targets).await?;
        Ok(Self {
            world,
            gateway,
            prometheus,
            _serving: serving,
        })
    }

    pub(crate) fn api(&self) -> Result<Api> {
        Ok(self.world.control_plane.api()?)
    }

    /// Asks Prometheus.
    pub(crate) async fn query(&self, query: &str) -> Result<Value> {
        Ok(self.prometheus.query(query).await?)
    }

    /// A load on `host`, which must answer already.
    pub(crate) async fn load(&self, host: &str, per_second: u32) -> Result<Load> {
        let address: SocketAddr = self.gateway.address();
        eventually(PATIENCE, || answers(address, host))
            .await
            .context("before the load")?;
        Ok(Load::start(address, host, per_second)?)
    }
}

/// Sends a few requests; all must be answered well.
async fn answers(address: SocketAddr, host: &str) -> Result<()> {
    let load = Load::start(address, host, 100)?;
    let enough = eventually(PATIENCE, || async {
        let samples = load.since(Duration::ZERO);
        if samples.count() < 5 {
            Err(anyhow!("{} answers", samples.count()))
        } else {
            Ok(samples)
        }
    });
    let samples: Samples = enough.await?;
    match samples.0.iter().find(|sample| sample.status != 200) {
        None => Ok(()),
        Some(bad) => Err(anyhow!("{host} answers {bad:?}")),
    }
}

/// A namespace with two Deployments that serve, a Service for each, and a route between them.
pub(crate) struct Pair {
    pub(crate) stage: &'static Stage,
    pub(crate) namespace: String,
    pub(crate) host: String,
    api: Api,
}

impl Pair {
    /// Makes them: each with its environment variables, weights 100 and 0.
    pub(crate) async fn new(name: &str, environments: [Value; 2]) -> Result<Self> {
        let stage = Stage::shared().await?;
        let namespace = unique(name);
        let pair = Self {
            host: format!("{namespace}.example"),
            api: stage.api()?,
            stage,
            namespace,
        };
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": pair.namespace } });
        pair.api.create("/api/v1/namespaces", &namespace).await?;
        for (name, environment) in ["old", "new"].into_iter().zip(environments) {
            pair.workload(name, environment).await?;
        }
        pair.weights(100, 0).await?;
        Ok(pair)
    }

    /// Sends so much of the traffic to each.
    pub(crate) async fn weights(&self, old: u32, new: u32) -> Result<()> {
        let backend =
            |name: &str, weight: u32| json!({ "name": name, "port": 80, "weight": weight });
        let route = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": { "name": "web" },
            "spec": {
                "parentRefs": [{ "name": gateway::NAME, "namespace": gateway::NAMESPACE }],
                "hostnames": [self.host],
                "rules": [{ "backendRefs": [backend("old", old), backend("new", new)] }],
            },
        });
        let path = format!(
            "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes/web",
            self.namespace
        );
        self.api.apply(&path, &route).await?;
        Ok(())
    }

    /// Waits until users are answered, and by this one alone.
    pub(crate) async fn answers_as(&self, name: &str) -> Result<()> {
        let load = Load::start(self.stage.gateway.address(), &self.host, 50)?;
        eventually(PATIENCE, || async {
            let from = load.now();
            tokio::time::sleep(Duration::from_millis(200)).await; // sleeps because the answers over a time are looked at
            let samples = load.since(from);
            let by_version = samples.by_version();
            match samples.failed().count() == 0 && by_version.keys().eq([name]) {
                true => Ok(()),
                false => Err(anyhow!("answers come from {by_version:?}")),
            }
        })
        .await?;
        Ok(())
    }

    /// Changes the number of pods.
    pub(crate) async fn scale(&self, name: &str, replicas: u32) -> Result<()> {
        let path = format!(
            "/apis/apps/v1/namespaces/{}/deployments/{name}",
            self.namespace
        );
        self.api
            .patch(&path, &json!({ "spec": { "replicas": replicas } }))
            .await?;
        Ok(())
    }

    /// How many pods of a Deployment are ready.
    pub(crate) async fn ready(&self, name: &str) -> Result<u64> {
        let path = format!(
            "/apis/apps/v1/namespaces/{}/deployments/{name}",
            self.namespace
        );
        let deployment = self.api.get(&path).await?;
        Ok(deployment["status"]["readyReplicas"].as_u64().unwrap_or(0))
    }

    async fn workload(&self, name: &str, mut environment: Value) -> Result<()> {
        let variables = environment.as_object_mut().context("variables are a map")?;
        variables.insert("VERSION".to_owned(), name.into());
        let variables: Vec<Value> = variables
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        let labels = json!({ "app": name });
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name },
            "spec": {
                "replicas": 2,
                "selector": { "matchLabels": labels },
                "template": {
                    "metadata": { "labels": labels },
                    "spec": { "containers": [{
                        "name": "app", "image": "registry.example/lab/app:1", "env": variables,
                        "ports": [{ "containerPort": 8080 }],
                    }] },
                },
            },
        });
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": name },
            "spec": { "selector": labels, "ports": [{ "port": 80, "targetPort": 8080 }] },
        });
        let namespace = &self.namespace;
        let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}");
        self.api.apply(&path, &deployment).await?;
        self.api
            .apply(
                &format!("/api/v1/namespaces/{namespace}/services/{name}"),
                &service,
            )
            .await?;
        Ok(())
    }
}
