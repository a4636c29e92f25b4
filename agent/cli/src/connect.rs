//! The way from the flags to a cluster.
//!
//! Nothing is sent yet: whether the server answers shows at the first [`request`](crate::request).

use std::time::Duration;

use cluster::{Cluster, Connect, ConnectError, Limits};

use crate::context::Context;
use crate::error::Explain;

/// A cluster, and where to look in it.
pub(crate) struct Link {
    /// The cluster.
    pub(crate) cluster: Cluster,
    /// A typed client for it.
    pub(crate) client: kube::Client,
    /// The namespace of the Environments.
    pub(crate) namespace: String,
    /// Address of the API server, for messages.
    pub(crate) server: String,
}

impl Explain for ConnectError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Kubeconfig { .. } | Self::InCluster(_) => {
                "choose a cluster with `--kubeconfig FILE`, KUBECONFIG or `--context`"
            }
            Self::Credentials { .. } => {
                "check that `kubectl get --raw /readyz` works with the same kubeconfig"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}

/// A person waits, and sees for himself when a second try is due.
fn limits() -> Limits {
    Limits {
        call: Duration::from_secs(45),
        attempts: 2,
        pause: Duration::from_secs(1),
        ..Limits::default()
    }
}

/// Makes ready to speak to the cluster of the flags.
pub(crate) async fn connect(context: &Context) -> Result<Link, ConnectError> {
    let cluster = Cluster::connect(&Connect {
        kubeconfig: context.kubeconfig.clone(),
        context: context.context.clone(),
        user_agent: concat!("driftless-cli/", env!("CARGO_PKG_VERSION")).to_owned(),
        limits: limits(),
        ..Connect::default()
    })
    .await?;
    Ok(Link {
        client: cluster.client(),
        namespace: context
            .namespace
            .clone()
            .unwrap_or_else(|| cluster.default_namespace().to_owned()),
        server: cluster.server().to_owned(),
        cluster,
    })
}
