//! Arguments of the commands that run the agent, in earnest and to look at.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Arguments of `agent`.
#[derive(Debug, Args)]
pub(crate) struct Agent {
    /// Directory for the mirrors of config repos, and for what was applied but Secrets. May be lost at any time
    #[arg(long, value_name = "DIR", default_value = "/var/cache/driftless")]
    pub(crate) cache_dir: PathBuf,
    /// Where to listen for webhooks, probes and metrics
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// File with the secret that webhooks are signed with. Without it webhooks are refused
    #[arg(long, value_name = "FILE")]
    pub(crate) webhook_secret_file: Option<PathBuf>,
    /// Care only for the Environments of this namespace. Default: all
    #[arg(long, value_name = "NAMESPACE")]
    pub(crate) environments_in: Option<String>,
    /// What the Leases' names begin with, by which replicas share the work. Agents for different namespaces need different
    /// ones
    #[arg(long, value_name = "NAME", default_value = "driftless-agent")]
    pub(crate) lease_name: String,
    /// Who this replica is among its peers. Default: the pod's or host's name
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    pub(crate) identity: Option<String>,
    /// How many objects of one Environment are applied at a time
    #[arg(long, value_name = "COUNT", default_value_t = 16)]
    pub(crate) concurrency: usize,
    /// Prometheus for the analysis of rollouts, such as `http://prometheus.monitoring:9090`
    #[arg(long, value_name = "URL", env = "DRIFTLESS_PROMETHEUS")]
    pub(crate) prometheus: Option<String>,
    /// Let HTTP checks and metrics ask this very machine, for development
    #[arg(long, hide = true)]
    pub(crate) checks_on_loopback: bool,
    /// Send a trace of each release to this OTLP/HTTP collector, such as `http://collector:4318`
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub(crate) otlp_endpoint: Option<String>,
    /// How many objects a minute are compared with a dry run, to learn what the watch has missed. 0 for none
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) audit_per_minute: u32,
    /// How long a replica that falls silent keeps its share of the work, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 12)]
    pub(crate) lease_seconds: u64,
    /// Service account, in the namespace of each Environment, whose rights are used where the spec names none
    #[arg(long, value_name = "NAME")]
    pub(crate) default_service_account: Option<String>,
    /// Refuse Environments that name no service account, instead of lending them the agent's own rights
    #[arg(long)]
    pub(crate) require_service_account: bool,
    /// What to log: `info`, `debug`, `daemon=debug,cluster=info`, …
    #[arg(
        long,
        env = "DRIFTLESS_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    pub(crate) log: String,
    /// How to write the log
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --kubeconfig it builds and starts a control plane of its own (Go is needed, and about 5 minutes the first time). With --kubeconfig it uses that cluster, and installs the custom resources and the agent's rights there."
)]
pub(crate) struct Demo {
    /// Start everything and leave out the tour
    #[arg(long)]
    pub(crate) no_tour: bool,
    /// End after the tour instead of waiting for Ctrl-C
    #[arg(long)]
    pub(crate) once: bool,
}
