//! A real gateway in front of the pods that serve: Traefik, told by Gateway API objects.
//!
//! Only inside a [network of one's own](crate::network) can it reach pods.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::build::{self, BuildError};
use crate::control_plane::{Api, ApiError, ControlPlane, StartError};
use crate::ports::Port;
use crate::process::{Process, ProcessError};
use crate::progress::Progress;
use crate::wait::{NotYet, eventually};

/// Where its service account and the Gateway are.
pub const NAMESPACE: &str = "lab-gateway";
/// The name of the Gateway that routes name as their parent.
pub const NAME: &str = "lab";
const CLASS: &str = "lab";
const PATIENCE: Duration = Duration::from_mins(1);

/// A running gateway; ends when dropped.
#[derive(Debug)]
pub struct Gateway {
    process: Process,
    web: Port,
    metrics: Port,
}

/// The gateway could not be started.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// It could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The control plane gave no access.
    #[error(transparent)]
    Access(#[from] StartError),
    /// The API server refused one of its objects.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// No ports, or its resource definitions could not be read.
    #[error("cannot prepare the gateway")]
    Io(#[from] io::Error),
    /// A definition of the Gateway API is no YAML.
    #[error("{0} is no YAML")]
    Definition(PathBuf, #[source] serde_yaml::Error),
    /// It could not be started.
    #[error(transparent)]
    Start(#[from] ProcessError),
    /// It does not answer.
    #[error("the gateway does not answer; its log ends:\n{0}")]
    Silent(String, #[source] NotYet),
}

impl Gateway {
    /// Builds it if need be, teaches the cluster the Gateway API, and waits until the Gateway is programmed.
    pub async fn start(
        control_plane: &ControlPlane,
        progress: &Progress,
    ) -> Result<Self, GatewayError> {
        let told = progress.clone();
        let built = tokio::task::spawn_blocking(move || build::gateway(&told)).await;
        let (traefik, definitions) = built.map_err(io::Error::other)??;
        let (web, metrics) = (Port::reserve()?, Port::reserve()?);
        let api = control_plane.api()?;
        install(&api, &definitions, web.number).await?;
        let kubeconfig = control_plane
            .kubeconfig_for_service_account(NAMESPACE, "gateway")
            .await?;
        let mut command = Command::new(traefik);
        command
            .args(arguments(web.number, metrics.number))
            .env("KUBECONFIG", kubeconfig)
            .env("HOME", control_plane.directory())
            .current_dir(control_plane.directory());
        let log = control_plane.directory().join("gateway.log");
        let process = Process::spawn("gateway", command, &log)?;
        let gateway = Self {
            process,
            web,
            metrics,
        };
        let ready = eventually(PATIENCE, || programmed(&api)).await;
        ready.map_err(|late| GatewayError::Silent(gateway.process.tail(), late))?;
        Ok(gateway)
    }

    /// Where users come in.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.web.number))
    }

    /// Where its metrics are, under `/metrics`.
    pub fn metrics(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.metrics.number))
    }
}

fn arguments(web: u16, metrics: u16) -> Vec<String> {
    vec![
        format!("--entrypoints.web.address=127.0.0.1:{web}"),
        format!("--entrypoints.traefik.address=127.0.0.1:{metrics}"),
        "--providers.kubernetesgateway=true".into(),
        // A change of a route counts at once; the default gathers changes for two seconds.
        "--providers.providersthrottleduration=10ms".into(),
        "--metrics.prometheus=true".into(),
        "--metrics.prometheus.buckets=0.005,0.01,0.025,0.05,0.1,0.25,0.5,1,2.5,5".into(),
        "--global.checknewversion=false".into(),
        "--global.sendanonymoususage=false".into(),
        "--log.level=INFO".into(),
    ]
}

/// The kinds of the Gateway API, the rights of the program, and the Gateway itself.
async fn install(api: &Api, definitions: &PathBuf, port: u16) -> Result<(), GatewayError> {
    for file in fs::read_dir(definitions)? {
        let path = file?.path();
        let text = fs::read_to_string(&path)?;
        let definition: Value = serde_yaml::from_str(&text)
            .map_err(|error| GatewayError::Definition(path.clone(), error))?;
        let name = definition["metadata"]["name"].as_str().unwrap_or_default();
        let at = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}");
        api.apply(&at, &definition).await?;
    }
    for (path, object) in objects(port) {
        // A kind is served a moment after its definition is there.
        let applied = eventually(PATIENCE, || api.apply(path, &object)).await;
        applied.map_err(|late| GatewayError::Silent(path.to_owned(), late))?;
    }
    Ok(())
}

fn objects(port: u16) -> Vec<(&'static str, Value)> {
    vec![
        (
            "/api/v1/namespaces/lab-gateway",
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } }),
        ),
        (
            "/api/v1/namespaces/lab-gateway/serviceaccounts/gateway",
            json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "gateway", "namespace": NAMESPACE } }),
        ),
        (
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/lab-gateway",
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": "lab-gateway" },
                "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
                "subjects": [{ "kind": "ServiceAccount", "name": "gateway", "namespace": NAMESPACE }],
            }),
        ),
        (
            "/apis/gateway.networking.k8s.io/v1/gatewayclasses/lab",
            json!({
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": { "name": CLASS },
                "spec": { "controllerName": "traefik.io/gateway-controller" },
            }),
        ),
        (
            "/apis/gateway.networking.k8s.io/v1/namespaces/lab-gateway/gateways/lab",
            json!({
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": { "name": NAME, "namespace": NAMESPACE },
                "spec": {
                    "gatewayClassName": CLASS,
                    "listeners": [{ "name": "web", "port": port, "protocol": "HTTP", "allowedRoutes": { "namespaces": { "from": "All" } } }],
                },
            }),
        ),
    ]
}

async fn programmed(api: &Api) -> Result<(), String> {
    let path = "/apis/gateway.networking.k8s.io/v1/namespaces/lab-gateway/gateways/lab";
    let gateway = api.get(path).await.map_err(|error| error.to_string())?;
    let conditions = gateway["status"]["conditions"].as_array();
    let yes = conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Programmed" && condition["status"] == "True");
    match yes {
        true => Ok(()),
        false => Err(format!("not programmed: {}", gateway["status"])),
    }
}
