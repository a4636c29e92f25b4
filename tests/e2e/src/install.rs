//! `deploy/` into the cluster, as its administrator: all but what only concerns the agent's pod.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use cluster::{Apply, Cluster, Connect};
use kube::{Api, runtime::wait};
use render::{DiskTree, TreePath};
use serde_json::Value;

/// Where `deploy/` puts the agent.
pub(crate) const NAMESPACE: &str = "driftless-system";
/// Its service account.
pub(crate) const ACCOUNT: &str = "driftless-agent";
/// The agents of scenarios are processes, not pods.
const POD_ONLY: [&str; 4] = [
    "Deployment",
    "Service",
    "PodDisruptionBudget",
    "NetworkPolicy",
];

/// Applies the custom resources and the agent's rights.
pub(crate) async fn install(kubeconfig: &Path) -> Result<()> {
    let connect = Connect {
        kubeconfig: Some(kubeconfig.to_owned()),
        ..Connect::default()
    };
    let cluster = Cluster::connect(&connect).await?;
    let mut objects = deployed()?;
    objects.retain(|object| !POD_ONLY.iter().any(|kind| object["kind"] == *kind));
    let is_first = |object: &Value| {
        object["kind"] == "Namespace" || object["kind"] == "CustomResourceDefinition"
    };
    objects.sort_by_key(|object| !is_first(object));
    for object in &objects {
        apply(&cluster, object).await?;
    }
    for name in ["environments", "releases", "inventories", "strategies"] {
        let crds = Api::all(cluster.client());
        let crd = format!("{name}.driftless.dev");
        wait::await_condition(crds, &crd, wait::conditions::is_crd_established()).await?;
    }
    Ok(())
}

async fn apply(cluster: &Cluster, body: &Value) -> Result<()> {
    let text = |path: &str| {
        body.pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let gvk = krm::Gvk::new(text("/apiVersion"), text("/kind"));
    let resource = cluster.resolve(&gvk).await?;
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    let apply = Apply {
        resource: &resource,
        namespace,
        name,
        body,
        force: true,
        dry_run: false,
    };
    cluster
        .apply(apply)
        .await
        .with_context(|| format!("{gvk} {name}"))?;
    Ok(())
}

/// What `deploy/` consists of.
pub fn deployed() -> Result<Vec<Value>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy")
        .canonicalize()?;
    let Some(path) = TreePath::parse(&folder.to_string_lossy()) else {
        bail!("no path")
    };
    let rendered = render::render(&DiskTree::new("/"), &path, &render::Options::default())?;
    Ok(rendered
        .objects
        .iter()
        .map(|object| krm::json::to_value(&object.node))
        .collect::<Result<_, _>>()?)
}
