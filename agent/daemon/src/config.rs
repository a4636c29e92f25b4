//! What the agent is told when it starts.

use std::{net::SocketAddr, path::PathBuf};

/// Everything the agent needs to know from outside.
#[derive(Clone, Debug)]
pub struct Config {
    /// The kubeconfig; absent in a cluster.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; absent for its own choice.
    pub context: Option<String>,
    /// The agent's own namespace, for its Lease and the inventories.
    pub namespace: String,
    /// The only namespace whose Environments it cares for; absent for all.
    pub environments_in: Option<String>,
    /// What the Leases' names begin with, by which replicas share the work; agents that care for different
    /// Environments need different ones.
    pub lease_name: String,
    /// Who this replica is among its peers; must differ between them.
    pub identity: String,
    /// Where mirrors and what was applied are kept. May be lost at any time.
    pub cache: PathBuf,
    /// Where to listen for webhooks, probes and metrics.
    pub listen: SocketAddr,
    /// The shared secret of webhooks; without one they are refused.
    pub webhook_secret: Option<Secret>,
    /// Where Prometheus is, for metrics of rollouts that do not say.
    pub prometheus: Option<String>,
    /// The base address of an OTLP/HTTP collector for traces; without one there are none.
    pub otlp_endpoint: Option<String>,
    /// How many objects of one environment are applied at a time.
    pub concurrency: usize,
    /// How many objects are compared with a dry run each minute; 0 for none.
    pub audit_per_minute: u32,
    /// How long a silent replica keeps its share of the work.
    pub lease: std::time::Duration,
    /// True lets HTTP checks and metrics ask this very machine, for development.
    pub checks_on_loopback: bool,
    /// Whose rights are used where an Environment names no service account.
    pub tenancy: Tenancy,
}

/// Whose rights are used where an Environment names no service account.
#[derive(Clone, Debug, Default)]
pub struct Tenancy {
    /// The service account of this name in the Environment's namespace.
    pub default_account: Option<String>,
    /// True refuses Environments that are left without one; else they borrow the agent's own rights.
    pub require_account: bool,
    /// Where the agent itself lives: no target for those who borrow its rights elsewhere.
    pub agents_namespace: String,
}

/// Bytes that are never printed.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes `bytes`, less a line end that editors leave behind.
    pub fn new(mut bytes: Vec<u8>) -> Self {
        while bytes
            .last()
            .is_some_and(|byte| matches!(byte, b'\n' | b'\r'))
        {
            bytes.pop();
        }
        Self(bytes)
    }

    /// True without any byte: such a secret would accept everybody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}
