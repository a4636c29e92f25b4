//! What the API server's answers mean to a person.

use crate::connect::Link;
use crate::error::Explain;

/// The field manager of a person's edits through this program.
pub(crate) const EDITOR: &str = "driftless-cli";

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// There is no such object.
    #[error("{what} does not exist in namespace `{namespace}`")]
    NotFound {
        /// `Environment production`
        what: String,
        /// Where it was looked for.
        namespace: String,
    },
    /// The CRDs are not there.
    #[error("{server} does not know Driftless")]
    NotInstalled {
        /// Which cluster.
        server: String,
    },
    /// The user lacks a right.
    #[error("not allowed: {0}")]
    Forbidden(String),
    /// The user is not known.
    #[error("{server} does not accept the credentials")]
    Unauthorized {
        /// Which cluster.
        server: String,
    },
    /// The server said no for another reason.
    #[error("refused by the API server: {0}")]
    Refused(String),
    /// No answer.
    #[error("cannot reach the API server at {server}")]
    Unreachable {
        /// Which.
        server: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
}

impl RequestError {
    /// Tells what `error` means for a request about `what`.
    pub(crate) fn new(error: kube::Error, what: &str, link: &Link) -> Self {
        let server = || link.server.clone();
        let kube::Error::Api(status) = error else {
            return Self::Unreachable {
                server: server(),
                source: Box::new(error),
            };
        };
        let named = status
            .details
            .as_ref()
            .is_some_and(|details| !details.name.is_empty());
        match status.code {
            404 if named => Self::NotFound {
                what: what.to_owned(),
                namespace: link.namespace.clone(),
            },
            404 => Self::NotInstalled { server: server() },
            401 => Self::Unauthorized { server: server() },
            403 => Self::Forbidden(status.message),
            _ => Self::Refused(status.message),
        }
    }
}

impl Explain for RequestError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotFound { .. } => {
                "`driftless status -A` lists the Environments of all namespaces; choose one with `-n`".to_owned()
            }
            Self::NotInstalled { .. } => {
                "install it with `kubectl apply --server-side -k deploy`, or choose another cluster with `--context`".to_owned()
            }
            Self::Forbidden(_) => {
                "reading needs get, list and watch on environments and releases of driftless.dev; sync, suspend and resume need patch".to_owned()
            }
            Self::Unauthorized { .. } => "log in again, or choose another user with `--context`".to_owned(),
            Self::Refused(_) => return None,
            Self::Unreachable { .. } => "is the cluster up, and this the right `--kubeconfig`?".to_owned(),
        })
    }
}
