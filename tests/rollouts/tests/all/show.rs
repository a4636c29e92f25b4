//! One scenario's shop: a config repo, an Environment with a strategy, an agent, and users who come through the gateway.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use api::v1alpha1::{EnvironmentStatus, HeldRevision};
use e2e::{Agent, AgentOptions, PATIENCE, Shop};
use lab::control_plane::Api;
use lab::{Load, eventually, gateway, unique};
use serde_json::{Value, json};

use crate::stage::{Stage, rate};

/// A shop whose visitors are counted.
pub(crate) struct Show {
    pub(crate) stage: &'static Stage,
    pub(crate) shop: Shop,
    pub(crate) api: Api,
    pub(crate) host: String,
    /// Where its agents ask for numbers.
    pub(crate) prometheus: String,
}

/// One version of the shop, as git has it.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) name: &'static str,
    /// None if an autoscaler decides.
    pub(crate) replicas: Option<u32>,
    /// Variables of the container, in a ConfigMap.
    pub(crate) variables: Vec<(&'static str, &'static str)>,
    /// Other objects.
    pub(crate) more: Vec<Value>,
    /// Whether git has its route, or somebody else made one.
    pub(crate) is_routed: bool,
}

impl Version {
    pub(crate) fn good(name: &'static str) -> Self {
        Self {
            name,
            replicas: Some(4),
            variables: Vec::new(),
            more: Vec::new(),
            is_routed: true,
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    pub(crate) fn and(mut self, object: Value) -> Self {
        self.more.push(object);
        self
    }
}

/// Small steps and quick looks: what is proved does not depend on how long they take.
pub(crate) fn canary() -> Value {
    json!({
        "steps": [
            { "weight": 10 }, { "pause": { "for": "4s" } },
            { "weight": 50 }, { "pause": { "for": "4s" } },
            { "weight": 100 }, { "pause": { "for": "2s" } },
        ],
        "progressDeadline": "90s",
        "analysis": {
            "interval": "1s", "patience": "90s",
            "metrics": [{
                "name": "error-rate", "max": 0.02, "minSamples": 5,
                "from": { "template": { "measure": "errorRate", "by": "traefik", "window": "5s" } },
            }],
        },
    })
}

impl Show {
    /// A shop whose first version is there, and a strategy for the next.
    pub(crate) async fn open(
        name: &str,
        strategy: Value,
        first: &Version,
    ) -> Result<(Self, Agent)> {
        let prometheus = Stage::shared().await?.prometheus.url();
        Self::open_asking(name, strategy, first, prometheus).await
    }

    /// The same with numbers from elsewhere.
    pub(crate) async fn open_asking(
        name: &str,
        strategy: Value,
        first: &Version,
        prometheus: String,
    ) -> Result<(Self, Agent)> {
        let stage = Stage::shared().await?;
        let shop = Shop::within(stage.world, name).await?;
        let show = Self {
            host: format!("{}.example", shop.namespace),
            api: stage.api()?,
            stage,
            shop,
            prometheus,
        };
        show.strategy(strategy).await?;
        let agent = show.agent()?;
        let commit = show.push(first)?;
        show.shop
            .environment(json!({ "strategies": [{ "strategy": "stepwise" }], "timeout": "2m" }))
            .await?;
        show.shop.ready_at(&commit).await?;
        Ok((show, agent))
    }

    /// Another replica of the agent, or the same one again.
    pub(crate) fn agent(&self) -> Result<Agent> {
        Agent::start(self.stage.world, self.options())
    }

    /// What its agents are started with.
    pub(crate) fn options(&self) -> AgentOptions {
        AgentOptions {
            prometheus: Some(self.prometheus.clone()),
            ..AgentOptions::alone(&self.shop.namespace)
        }
    }

    /// Says something of the rollout, as a person would.
    pub(crate) async fn command(&self, action: &str) -> Result<()> {
        let command = json!({ "id": unique(action), "action": action, "by": "ada" });
        let annotations = json!({ api::names::ROLLOUT_COMMAND: command.to_string() });
        self.shop
            .change(json!({ "metadata": { "annotations": annotations } }))
            .await
    }

    /// The path of an object of the shop: `apps/v1`, `deployments/web`.
    pub(crate) fn path(&self, version: &str, place: &str) -> String {
        let root = if version.contains('/') { "apis" } else { "api" };
        format!(
            "/{root}/{version}/namespaces/{}/{place}",
            self.shop.namespace
        )
    }

    /// Puts the Strategy into the cluster.
    pub(crate) async fn strategy(&self, spec: Value) -> Result<()> {
        self.shop.strategy("stepwise", spec).await
    }

    /// Commits a version.
    pub(crate) fn push(&self, version: &Version) -> Result<String> {
        let manifests = manifests(version, &self.host);
        let files = [
            ("kustomization.yaml", Some("resources: [shop.yaml]\n")),
            ("shop.yaml", Some(manifests.as_str())),
        ];
        self.shop.push(&format!("version {}", version.name), &files)
    }

    /// Users, from now on; more of them where figures are taken.
    pub(crate) async fn users(&self, per_second: u32) -> Result<Load> {
        let per_second = rate(per_second);
        self.stage.load(&self.host, per_second).await
    }

    /// Waits until an object is gone.
    pub(crate) async fn is_gone(&self, version: &str, place: &str) -> Result<()> {
        let path = self.path(version, place);
        eventually(PATIENCE, || async {
            match self.api.get(&path).await {
                Err(_) => Ok(()),
                Ok(_) => Err(anyhow!("{place} is still there")),
            }
        })
        .await?;
        Ok(())
    }

    /// Waits until the new version is given `percent` by the routes, and the rollout waits in that step or a later one.
    pub(crate) async fn weighs(&self, percent: u8) -> Result<EnvironmentStatus> {
        let there = |status: &EnvironmentStatus| {
            let rollout = status.rollout.as_ref();
            rollout.is_some_and(|rollout| rollout.weight == Some(percent))
        };
        self.shop.status(&format!("{percent} %"), there).await
    }

    /// Waits until a revision is held, and gives the reason.
    pub(crate) async fn held(&self, revision: &str) -> Result<HeldRevision> {
        let held = self.shop.held().await?;
        ensure!(held.revision == revision, "{held:?}");
        Ok(held)
    }

    /// Waits until `version` answers at least `percent` of a second's requests.
    pub(crate) async fn share(&self, load: &Load, version: &str, percent: usize) -> Result<()> {
        eventually(PATIENCE, || async {
            let from = load.now();
            tokio::time::sleep(Duration::from_secs(1)).await; // sleeps because the share over a time is what is measured
            let counts = load.since(from).by_version();
            let all: usize = counts.values().sum();
            let own = counts.get(version).copied().unwrap_or(0);
            match own * 100 >= percent * all && all > 0 {
                true => Ok(()),
                false => Err(anyhow!("{counts:?}")),
            }
        })
        .await
        .with_context(|| format!("{percent} % of {version}"))
    }
}

fn manifests(version: &Version, host: &str) -> String {
    let data: serde_json::Map<_, _> = version
        .variables
        .iter()
        .map(|(key, value)| ((*key).to_owned(), json!(value)))
        .collect();
    let labels = json!({ "app": "web" });
    let mut objects = vec![
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "web" }, "data": data }),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
            "spec": {
                "selector": { "matchLabels": labels },
                "template": {
                    "metadata": { "labels": labels },
                    "spec": { "containers": [{
                        "name": "app", "image": format!("registry.example/lab/app:{}", version.name),
                        "envFrom": [{ "configMapRef": { "name": "web" } }],
                        "ports": [{ "containerPort": 8080 }],
                    }] },
                },
            },
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
            "spec": { "selector": labels, "ports": [{ "port": 80, "targetPort": 8080 }] },
        }),
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": { "name": "web" },
            "spec": {
                "parentRefs": [{ "name": gateway::NAME, "namespace": gateway::NAMESPACE }],
                "hostnames": [host],
                "rules": [{ "backendRefs": [{ "name": "web", "port": 80 }] }],
            },
        }),
    ];
    if let Some(replicas) = version.replicas {
        objects[1]["spec"]["replicas"] = replicas.into();
    }
    objects.extend(version.more.iter().cloned());
    objects.retain(|object| version.is_routed || object["kind"] != "HTTPRoute");
    objects
        .iter()
        .map(|object| format!("---\n{object:#}\n"))
        .collect()
}
