//! `driftless agent`: the program that runs in the cluster.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use daemon::{Config, RunError, Secret, Tenancy};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::args::{Agent, LogFormat};
use crate::context::Context;
use crate::error::{Exit, Explain, Failure};
use crate::signals::Signals;

/// Where the agent lives unless told otherwise; `deploy/` makes this namespace.
const NAMESPACE: &str = "driftless-system";

/// Why the agent cannot start or go on.
#[derive(Debug, thiserror::Error)]
enum AgentError {
    #[error("cannot read the webhook secret {0}")]
    Secret(PathBuf, #[source] std::io::Error),
    #[error("the webhook secret {0} is empty, which would let everybody in")]
    EmptySecret(PathBuf),
    #[error("cannot wait for signals")]
    Signal(#[source] std::io::Error),
    #[error("the agent cannot go on")]
    Run(#[source] RunError),
}

impl Explain for AgentError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Secret(..) | Self::EmptySecret(_) => {
                Some("put the secret into the file, or leave --webhook-secret-file out".to_owned())
            }
            Self::Run(RunError::Listen(..)) => Some("give another --listen address".to_owned()),
            Self::Run(RunError::Cache(..)) => {
                Some("give a directory you may write with --cache-dir".to_owned())
            }
            Self::Run(RunError::Connect(_)) => Some(
                "check that `kubectl get --raw /readyz` works with the same kubeconfig".to_owned(),
            ),
            Self::Signal(_) | Self::Run(_) => None,
        }
    }
}

/// Runs until SIGTERM or Ctrl-C. A second signal ends it at once.
pub(crate) async fn run(args: &Agent, context: &Context) -> Result<Exit, Failure> {
    start_log(args);
    let shutdown = CancellationToken::new();
    let config = config(args, context)?;
    let mut signals = Signals::listen().map_err(AgentError::Signal)?;
    let stop = shutdown.clone();
    tokio::spawn(async move {
        signals.asked_to_end().await;
        tracing::info!("asked to stop; a second signal stops at once");
        stop.cancel();
        signals.asked_to_end().await;
        std::process::exit(2);
    });
    daemon::run(config, shutdown)
        .await
        .map_err(AgentError::Run)?;
    Ok(Exit::Good)
}

fn config(args: &Agent, context: &Context) -> Result<Config, AgentError> {
    let secret = match &args.webhook_secret_file {
        None => None,
        Some(path) => webhook_secret(path)?,
    };
    Ok(Config {
        kubeconfig: context.kubeconfig.clone(),
        context: context.context.clone(),
        namespace: namespace(context),
        environments_in: args.environments_in.clone(),
        lease_name: args.lease_name.clone(),
        identity: args.identity.clone().unwrap_or_else(identity),
        cache: args.cache_dir.clone(),
        listen: args.listen,
        webhook_secret: secret,
        prometheus: args.prometheus.clone(),
        otlp_endpoint: args.otlp_endpoint.clone(),
        checks_on_loopback: args.checks_on_loopback,
        concurrency: args.concurrency,
        audit_per_minute: args.audit_per_minute,
        lease: Duration::from_secs(args.lease_seconds.max(3)),
        tenancy: Tenancy {
            default_account: args.default_service_account.clone(),
            require_account: args.require_service_account,
            agents_namespace: namespace(context),
        },
    })
}

/// The agent's own namespace.
fn namespace(context: &Context) -> String {
    let named = context.namespace.clone();
    named.unwrap_or_else(|| NAMESPACE.to_owned())
}

/// The secret of webhooks. `deploy/` mounts it from a Secret that need not be there: then webhooks are off.
fn webhook_secret(path: &Path) -> Result<Option<Secret>, AgentError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), "there is no webhook secret; webhooks are refused");
            return Ok(None);
        }
        Err(error) => return Err(AgentError::Secret(path.to_owned(), error)),
    };
    let secret = Secret::new(bytes);
    match secret.is_empty() {
        true => Err(AgentError::EmptySecret(path.to_owned())),
        false => Ok(Some(secret)),
    }
}

/// The host's name, and the process: two agents on one machine are two.
fn identity() -> String {
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let host = host.trim();
    let host = if host.is_empty() { "agent" } else { host };
    format!("{host}-{}", std::process::id())
}

fn start_log(args: &Agent) {
    let filter = EnvFilter::try_new(&args.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second start in one process is no fault; the first log goes on.
    let started = match args.log_format {
        LogFormat::Text => log.with_ansi(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    drop(started);
}
