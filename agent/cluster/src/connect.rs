//! From a kubeconfig, or from inside a cluster, to a [`Cluster`].
//!
//! Never through kube's guessing, which lets environment variables change the user and the server. A kubeconfig that
//! comes out of a Secret is a tenant's: it may name neither programs nor files, because they would be the agent's.

use std::{env, path::PathBuf};

use http::{HeaderValue, Uri};
use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError, NamedAuthInfo, NamedCluster},
};

use crate::{Cluster, meter::Meter, transport};

pub use crate::guard::Limits;

/// Which API server, and how to speak to it.
#[derive(Clone, Debug, Default)]
pub struct Connect {
    /// A kubeconfig; none means the cluster this runs in, or else `$KUBECONFIG` and `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// A context of it; none means its current one.
    pub context: Option<String>,
    /// What to call ourselves; empty means `driftless/<version>`.
    pub user_agent: String,
    /// How far a call may go.
    pub limits: Limits,
    /// Counts the requests.
    pub meter: Meter,
}

/// Why there is no way to the API server. Nothing was sent yet.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig cannot be used.
    #[error("cannot use kubeconfig {path}")]
    Kubeconfig {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: KubeconfigError,
    },
    /// A tenant's kubeconfig is no kubeconfig. What it says instead may be a password, so none of it is repeated.
    #[error("the kubeconfig cannot be used: {0}")]
    NoKubeconfig(&'static str),
    /// What the cluster gives to its pods is not there.
    #[error("cannot read this pod's own credentials")]
    InCluster(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A tenant's kubeconfig names a program, a file, or asks to trust anybody.
    #[error("the kubeconfig sets {field} for {of}, which is not allowed in a Secret; {instead}")]
    NotAllowed {
        /// `exec`
        field: &'static str,
        /// `user "deployer"`
        of: String,
        /// What to write instead.
        instead: &'static str,
    },
    /// Certificates, keys, tokens or the proxy cannot be used.
    #[error("cannot use the credentials of {server}")]
    Credentials {
        /// Which server they are for.
        server: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// The name to call ourselves is no HTTP header value.
    #[error("user agent {0:?} cannot be sent")]
    UserAgent(String),
}

impl Cluster {
    /// Makes ready to speak to an API server. Sends nothing: see [`Cluster::version`] for a first try.
    pub async fn connect(connect: &Connect) -> Result<Self, ConnectError> {
        let in_cluster = connect.kubeconfig.is_none()
            && connect.context.is_none()
            && env::var_os("KUBERNETES_SERVICE_HOST").is_some();
        let config = match in_cluster {
            true => {
                Config::incluster_env().map_err(|error| ConnectError::InCluster(error.into()))?
            }
            false => from_file(connect).await?,
        };
        Self::open(config, connect)
    }

    /// The same for a kubeconfig out of a Secret.
    pub async fn from_kubeconfig_text(text: &str, connect: &Connect) -> Result<Self, ConnectError> {
        let failed = |error: KubeconfigError| ConnectError::NoKubeconfig(without_values(&error));
        let kubeconfig = Kubeconfig::from_yaml(text).map_err(failed)?;
        kubeconfig.auth_infos.iter().try_for_each(check_user)?;
        kubeconfig.clusters.iter().try_for_each(check_cluster)?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &options(connect))
            .await
            .map_err(failed)?;
        Self::open(config, connect).map_err(|error| match error {
            ConnectError::Credentials { source, .. } => ConnectError::NoKubeconfig(match *source {
                kube::Error::InferKubeconfig(error) => without_values(&error),
                _ => "its certificates, key, token or proxy-url cannot be used",
            }),
            error => error,
        })
    }

    fn open(mut config: Config, connect: &Connect) -> Result<Self, ConnectError> {
        let name = match connect.user_agent.is_empty() {
            true => concat!("driftless/", env!("CARGO_PKG_VERSION")),
            false => &connect.user_agent,
        };
        let name =
            HeaderValue::from_str(name).map_err(|_| ConnectError::UserAgent(name.to_owned()))?;
        if config.proxy_url.is_some() && is_loopback(&config.cluster_url) {
            config.proxy_url = None;
        }
        let server = config
            .cluster_url
            .to_string()
            .trim_end_matches('/')
            .to_owned();
        let transport =
            transport::open(&config, name, connect.limits.clone()).map_err(|error| {
                ConnectError::Credentials {
                    server: server.clone(),
                    source: Box::new(error),
                }
            })?;
        let transport = connect.meter.around(transport);
        let user = config.auth_info.impersonate.clone();
        Ok(Self::new(transport, server, config.default_namespace, user))
    }
}

async fn from_file(connect: &Connect) -> Result<Config, ConnectError> {
    let path = match &connect.kubeconfig {
        Some(path) => path.display().to_string(),
        None => env::var("KUBECONFIG").unwrap_or_else(|_| "~/.kube/config".to_owned()),
    };
    let failed = |source| ConnectError::Kubeconfig { path, source };
    let options = options(connect);
    match &connect.kubeconfig {
        Some(path) => match Kubeconfig::read_from(path) {
            Ok(kubeconfig) => Config::from_custom_kubeconfig(kubeconfig, &options).await,
            Err(error) => Err(error),
        },
        None => Config::from_kubeconfig(&options).await,
    }
    .map_err(failed)
}

/// What is wrong with a kubeconfig, in words that hold nothing of it.
fn without_values(error: &KubeconfigError) -> &'static str {
    match error {
        KubeconfigError::CurrentContextNotSet => "it has no current-context",
        KubeconfigError::LoadContext(_) => "its current-context is not among its contexts",
        KubeconfigError::LoadClusterOfContext(_) => {
            "the cluster of its current-context is not among its clusters"
        }
        KubeconfigError::MissingClusterUrl => "its cluster has no server",
        KubeconfigError::ParseClusterUrl(_) => "the server of its cluster is no address",
        KubeconfigError::ParseProxyUrl(_) => "its proxy-url is no address",
        KubeconfigError::LoadCertificateAuthority(_) | KubeconfigError::ParseCertificates(_) => {
            "its certificate-authority-data is no certificate in base64"
        }
        KubeconfigError::LoadClientCertificate(_) => {
            "its client-certificate-data is no certificate in base64"
        }
        KubeconfigError::LoadClientKey(_) => "its client-key-data is no key in base64",
        _ => "it is not valid YAML, or a field has a value of the wrong type",
    }
}

fn options(connect: &Connect) -> KubeConfigOptions {
    KubeConfigOptions {
        context: connect.context.clone(),
        ..KubeConfigOptions::default()
    }
}

fn check_user(user: &NamedAuthInfo) -> Result<(), ConnectError> {
    let Some(info) = &user.auth_info else {
        return Ok(());
    };
    let refused = [
        (
            "exec",
            info.exec.is_some(),
            "use a token or a client certificate",
        ),
        (
            "auth-provider",
            info.auth_provider.is_some(),
            "use a token or a client certificate",
        ),
        ("tokenFile", info.token_file.is_some(), "use token"),
        (
            "client-certificate",
            info.client_certificate.is_some(),
            "use client-certificate-data",
        ),
        (
            "client-key",
            info.client_key.is_some(),
            "use client-key-data",
        ),
    ];
    refuse(&refused, || format!("user {:?}", user.name))
}

fn check_cluster(cluster: &NamedCluster) -> Result<(), ConnectError> {
    let Some(info) = &cluster.cluster else {
        return Ok(());
    };
    let insecure = info.insecure_skip_tls_verify == Some(true);
    let refused = [
        (
            "certificate-authority",
            info.certificate_authority.is_some(),
            "use certificate-authority-data",
        ),
        (
            "insecure-skip-tls-verify",
            insecure,
            "use certificate-authority-data",
        ),
    ];
    refuse(&refused, || format!("cluster {:?}", cluster.name))
}

fn refuse(
    fields: &[(&'static str, bool, &'static str)],
    of: impl Fn() -> String,
) -> Result<(), ConnectError> {
    match fields.iter().find(|(_, set, _)| *set) {
        Some(&(field, _, instead)) => Err(ConnectError::NotAllowed {
            field,
            of: of(),
            instead,
        }),
        None => Ok(()),
    }
}

/// `HTTPS_PROXY` in the environment is never meant for this machine.
fn is_loopback(server: &Uri) -> bool {
    matches!(server.host(), Some("localhost" | "127.0.0.1" | "[::1]"))
}
