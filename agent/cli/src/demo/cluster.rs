//! The cluster of the demo: its own control plane, or the one of a kubeconfig.

use std::path::{Path, PathBuf};
use std::time::Instant;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::config::{
    AuthInfo, Context as ConfigContext, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedContext,
};
use kube::discovery::Discovery;
use kube::{Api, Client, Config, core::GroupVersionKind};
use lab::{ControlPlane, Options};
use render::{DiskTree, TreePath};
use serde_json::{Value, json};

use super::{DemoError, Screen};
use crate::context::Context;

/// Where `deploy/` puts the agent.
pub(crate) const AGENT_NAMESPACE: &str = "driftless-system";
/// Its service account.
const AGENT: &str = "driftless-agent";
/// Where the demo's Environments live.
pub(crate) const NAMESPACE: &str = "shop";
/// Environment, branch and target namespace.
pub(crate) const ENVIRONMENTS: [(&str, &str, &str); 3] = [
    ("develop", "develop", "shop-develop"),
    ("staging", "staging", "shop-green"),
    ("production", "master", "shop-blue"),
];
/// What of `deploy/` is only for an agent that runs as a pod; here it runs as a process.
const POD_ONLY: [&str; 4] = [
    "Deployment",
    "Service",
    "PodDisruptionBudget",
    "NetworkPolicy",
];

/// A cluster, as its administrator.
pub(crate) struct Target {
    pub(crate) client: Client,
    /// The administrator's kubeconfig.
    pub(crate) kubeconfig: PathBuf,
    config: Kubeconfig,
    context: Option<String>,
    /// Ends with the demo.
    control_plane: Option<ControlPlane>,
}

impl Target {
    /// Connects, after starting a control plane if no kubeconfig was given.
    pub(crate) async fn ready(
        context: &Context,
        screen: &Screen,
        folder: &Path,
    ) -> Result<Self, DemoError> {
        let began = Instant::now();
        let (kubeconfig, control_plane) = match context.kubeconfig.clone() {
            Some(path) => (path, None),
            None => Self::start(screen, folder).await?,
        };
        let wrong = |error: kube::config::KubeconfigError| DemoError::Kubeconfig(Box::new(error));
        let config = Kubeconfig::read_from(&kubeconfig).map_err(wrong)?;
        let options = KubeConfigOptions {
            context: context.context.clone(),
            ..Default::default()
        };
        let resolved = Config::from_custom_kubeconfig(config.clone(), &options)
            .await
            .map_err(wrong)?;
        let server = resolved.cluster_url.to_string();
        let client =
            Client::try_from(resolved).map_err(|error| DemoError::Kubeconfig(Box::new(error)))?;
        let target = Self {
            client,
            kubeconfig,
            config,
            context: context.context.clone(),
            control_plane,
        };
        let version = target.client.apiserver_version().await;
        let version = version
            .map_err(|error| call("reach the API server", error))?
            .git_version;
        let took = began.elapsed().as_secs_f32();
        screen.ready(
            "control plane",
            &format!(
                "Kubernetes {version} at {} in {took:.1}s, kubeconfig {}",
                server.trim_end_matches('/'),
                target.kubeconfig.display()
            ),
        );
        Ok(target)
    }

    /// Starts a control plane, and copies its kubeconfig to where a person finds it.
    async fn start(
        screen: &Screen,
        folder: &Path,
    ) -> Result<(PathBuf, Option<ControlPlane>), DemoError> {
        let options = Options::default().progress(screen.progress());
        let control_plane = ControlPlane::start(options)
            .await
            .map_err(DemoError::ControlPlane)?;
        let kubeconfig = folder.join("kubeconfig");
        std::fs::copy(control_plane.kubeconfig(), &kubeconfig)
            .map_err(|error| DemoError::Io("copy the kubeconfig".to_owned(), error))?;
        Ok((kubeconfig, Some(control_plane)))
    }

    /// True if it is the demo's own, which has no container runtime.
    pub(crate) const fn is_own(&self) -> bool {
        self.control_plane.is_some()
    }

    /// Applies what `deploy/` has for an agent outside of a pod: custom resources and rights.
    pub(crate) async fn install(&self, root: &Path, screen: &Screen) -> Result<(), DemoError> {
        let objects = deploy(root)?;
        let (first, rest): (Vec<_>, Vec<_>) = objects
            .into_iter()
            .filter(|object| !POD_ONLY.iter().any(|kind| object["kind"] == *kind))
            .partition(|object| {
                object["kind"] == "Namespace" || object["kind"] == "CustomResourceDefinition"
            });
        let many = first.len() + rest.len();
        for group in [first, rest] {
            let discovery = Discovery::new(self.client.clone()).run_aggregated().await;
            let discovery = discovery.map_err(|error| call("discover kinds", error))?;
            for object in group {
                self.apply(&discovery, object).await?;
            }
        }
        self.established().await?;
        screen.ready(
            "deploy/",
            &format!("{many} objects: custom resources and the agent's rights"),
        );
        Ok(())
    }

    /// A kubeconfig with a token of the agent's service account and nothing else.
    pub(crate) async fn agent_kubeconfig(&self, folder: &Path) -> Result<PathBuf, DemoError> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), AGENT_NAMESPACE);
        let spec = TokenRequestSpec {
            expiration_seconds: Some(24 * 3600),
            ..Default::default()
        };
        let request = TokenRequest {
            spec,
            ..Default::default()
        };
        let answer = accounts
            .create_token_request(AGENT, &PostParams::default(), &request)
            .await;
        let answer = answer.map_err(|error| call("get a token for the agent", error))?;
        let token = answer.status.map(|status| status.token).unwrap_or_default();
        let current = self
            .context
            .as_ref()
            .or(self.config.current_context.as_ref());
        let named = self
            .config
            .contexts
            .iter()
            .find(|context| Some(&context.name) == current);
        let cluster = named
            .and_then(|named| named.context.as_ref())
            .map(|c| c.cluster.clone());
        let config = Kubeconfig {
            clusters: self.config.clusters.clone(),
            auth_infos: vec![NamedAuthInfo {
                name: AGENT.to_owned(),
                auth_info: Some(AuthInfo {
                    token: Some(token.into()),
                    ..Default::default()
                }),
                ..Default::default()
            }],
            contexts: vec![NamedContext {
                name: AGENT.to_owned(),
                context: Some(ConfigContext {
                    cluster: cluster.unwrap_or_default(),
                    user: Some(AGENT.to_owned()),
                    ..Default::default()
                }),
                ..Default::default()
            }],
            current_context: Some(AGENT.to_owned()),
            ..Default::default()
        };
        let path = folder.join("agent-kubeconfig");
        let text = serde_yaml::to_string(&config)
            .map_err(|error| DemoError::Kubeconfig(Box::new(error)))?;
        std::fs::write(&path, text)
            .map_err(|error| DemoError::Io("write the agent's kubeconfig".to_owned(), error))?;
        Ok(path)
    }

    /// Makes the namespace of the Environments.
    pub(crate) async fn namespace(&self) -> Result<(), DemoError> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let params = PatchParams::apply("driftless-demo").force();
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
        namespaces
            .patch(NAMESPACE, &params, &Patch::Apply(namespace))
            .await
            .map(drop)
            .map_err(|error| call("make the namespace shop", error))
    }

    /// Makes the three Environments.
    pub(crate) async fn environments(&self, url: &str, screen: &Screen) -> Result<(), DemoError> {
        self.namespace().await?;
        let params = PatchParams::apply("driftless-demo").force();
        let api: Api<api::v1alpha1::Environment> = Api::namespaced(self.client.clone(), NAMESPACE);
        for (name, branch, namespace) in ENVIRONMENTS {
            let environment = json!({
                "apiVersion": "driftless.dev/v1alpha1",
                "kind": "Environment",
                "metadata": { "name": name },
                "spec": {
                    "source": { "url": url, "branch": branch, "path": format!("overlays/{branch}") },
                    "target": { "namespace": namespace, "createNamespace": true },
                },
            });
            api.patch(name, &params, &Patch::Apply(environment))
                .await
                .map_err(|error| call(&format!("make Environment {name}"), error))?;
        }
        screen.ready(
            "environments",
            "develop, staging, production in namespace shop",
        );
        Ok(())
    }

    async fn apply(&self, discovery: &Discovery, object: Value) -> Result<(), DemoError> {
        let text = |path: &str| {
            object
                .pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (kind, name, namespace) = (
            text("/kind").to_owned(),
            text("/metadata/name").to_owned(),
            text("/metadata/namespace").to_owned(),
        );
        let api_version = text("/apiVersion");
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let gvk = GroupVersionKind::gvk(group, version, &kind);
        let (resource, _) = discovery.resolve_gvk(&gvk).ok_or_else(|| {
            DemoError::Deploy(format!("the cluster does not know {kind} {api_version}"))
        })?;
        let api: Api<DynamicObject> = match namespace.is_empty() {
            true => Api::all_with(self.client.clone(), &resource),
            false => Api::namespaced_with(self.client.clone(), &namespace, &resource),
        };
        let params = PatchParams::apply("driftless-demo").force();
        let applied = api.patch(&name, &params, &Patch::Apply(object)).await;
        applied
            .map(drop)
            .map_err(|error| call(&format!("apply {kind} {name}"), error))
    }

    /// Waits until Environments can be made.
    async fn established(&self) -> Result<(), DemoError> {
        use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
        use kube::runtime::wait::{await_condition, conditions::is_crd_established};
        let api: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        for name in ["environments", "releases", "inventories", "strategies"] {
            let crd = format!("{name}.driftless.dev");
            let established = await_condition(api.clone(), &crd, is_crd_established());
            established
                .await
                .map_err(|error| DemoError::Deploy(format!("{crd}: {error}")))?;
        }
        Ok(())
    }
}

/// The rendered `deploy/`.
fn deploy(root: &Path) -> Result<Vec<Value>, DemoError> {
    let wrong = |error: &dyn std::fmt::Display| DemoError::Deploy(error.to_string());
    let path = root
        .join("deploy")
        .canonicalize()
        .map_err(|error| wrong(&error))?;
    let path = TreePath::parse(&path.to_string_lossy()).unwrap_or_default();
    let rendered = render::render(&DiskTree::new("/"), &path, &render::Options::default())
        .map_err(|error| wrong(&error))?;
    let objects = rendered
        .objects
        .iter()
        .map(|object| krm::json::to_value(&object.node));
    objects
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(&error))
}

/// A call that failed, and what it was for.
pub(crate) fn call(what: &str, error: kube::Error) -> DemoError {
    DemoError::Cluster(what.to_owned(), Box::new(error))
}
