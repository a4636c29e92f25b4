//! An agent: the real program as a process, with the rights of `deploy/`.

use std::{path::PathBuf, process::Command, sync::OnceLock};

use anyhow::{Context as _, Result, ensure};
use lab::{Port, Process, audit};
use tempfile::TempDir;

use crate::World;

/// What differs between agents.
#[derive(Clone, Debug)]
pub struct AgentOptions {
    /// The only namespace whose Environments it cares for.
    pub namespace: String,
    /// What its Lease's name begins with; agents with the same one are replicas.
    pub lease: String,
    /// Who it is among them, and in the audit log.
    pub identity: String,
    /// How long it counts as alive while it is silent.
    pub lease_seconds: u64,
    /// What it logs.
    pub log: String,
    /// How many objects it compares with a dry run each minute.
    pub audit_per_minute: u32,
    /// The secret of its webhooks; without one they are off.
    pub webhook_secret: Option<String>,
    /// Where it asks for the numbers of rollouts.
    pub prometheus: Option<String>,
    /// Where it sends traces.
    pub otlp_endpoint: Option<String>,
    /// How it reaches the API server, if not as all others do.
    pub kubeconfig: Option<PathBuf>,
    /// Where it keeps what outlives it; left out, nothing does.
    pub cache: Option<PathBuf>,
    /// More arguments.
    pub more: Vec<String>,
    /// More variables of its environment.
    pub variables: Vec<(String, String)>,
}

/// A running agent. It is killed when dropped.
pub struct Agent {
    /// The process.
    pub process: Process,
    /// How it was started.
    pub options: AgentOptions,
    /// Where it listens.
    pub port: u16,
    _port: Port,
    world: &'static World,
    began: audit::Mark,
    _folder: TempDir,
}

/// What an agent needs for itself, whatever it deploys: group and kind.
const OWN: [(&str, &str); 6] = [
    ("coordination.k8s.io", "leases"),
    ("driftless.dev", "environments"),
    ("driftless.dev", "releases"),
    ("driftless.dev", "inventories"),
    ("driftless.dev", "strategies"),
    ("events.k8s.io", "events"),
];

impl AgentOptions {
    /// An agent of its own for the Environments of `namespace`.
    pub fn alone(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            lease: namespace.to_owned(),
            identity: format!("{namespace}-agent"),
            lease_seconds: 12,
            log: "info,daemon=debug".to_owned(),
            audit_per_minute: 0,
            webhook_secret: None,
            prometheus: None,
            otlp_endpoint: None,
            kubeconfig: None,
            cache: None,
            more: Vec::new(),
            variables: Vec::new(),
        }
    }
}

impl Agent {
    /// Starts an agent.
    pub fn start(world: &'static World, options: AgentOptions) -> Result<Self> {
        let began = world.control_plane.audit().mark()?;
        let folder = tempfile::tempdir()?;
        let port = Port::reserve()?;
        let mut command = Command::new(program()?);
        command
            // As in deploy/.
            .env("_RJEM_MALLOC_CONF", "dirty_decay_ms:0")
            .envs(options.variables.iter().cloned())
            .arg("agent")
            .arg("--kubeconfig")
            .arg(
                options
                    .kubeconfig
                    .as_ref()
                    .unwrap_or(&world.agent_kubeconfig),
            )
            .args(["--namespace", crate::install::NAMESPACE])
            .args(["--environments-in", &options.namespace])
            .args(["--lease-name", &options.lease])
            .args(["--identity", &options.identity])
            .args(["--lease-seconds", &options.lease_seconds.to_string()])
            .args(["--log", &options.log])
            .args(&options.more)
            .args(["--audit-per-minute", &options.audit_per_minute.to_string()])
            .arg("--cache-dir")
            .arg((options.cache.clone()).unwrap_or_else(|| folder.path().join("cache")))
            .args(["--listen", &format!("127.0.0.1:{}", port.number)]);
        if let Some(secret) = &options.webhook_secret {
            let path = folder.path().join("webhook-secret");
            std::fs::write(&path, secret)?;
            command.arg("--webhook-secret-file").arg(path);
        }
        // All servers of the scenarios are on this machine.
        command.arg("--checks-on-loopback");
        if let Some(url) = &options.prometheus {
            command.args(["--prometheus", url]);
        }
        if let Some(endpoint) = &options.otlp_endpoint {
            command.args(["--otlp-endpoint", endpoint]);
        }
        let log = std::env::temp_dir().join(format!("driftless-e2e-{}.log", options.identity));
        let process = Process::spawn(&options.identity, command, &log)?;
        Ok(Self {
            process,
            options,
            port: port.number,
            _port: port,
            world,
            began,
            _folder: folder,
        })
    }

    /// What it asked for itself and had no right to, one line each.
    fn lacked(&self) -> Result<String> {
        let log = self.world.control_plane.audit();
        let who = format!("({})", self.options.identity);
        let own = |entry: &audit::Entry| {
            let kind = (entry.group.as_str(), entry.resource.as_str());
            entry.impersonated.is_none() && OWN.contains(&kind) && entry.user_agent.contains(&who)
        };
        Ok(log.forbidden(self.began)?.only(own).summary())
    }

    /// What it answers to Prometheus.
    pub async fn metrics(&self) -> Result<String> {
        let url = format!("http://127.0.0.1:{}/metrics", self.port);
        Ok(reqwest::get(url).await?.text().await?)
    }
}

/// Whatever the scenario was about, `deploy/rbac` has to have let the agent do its own business.
impl Drop for Agent {
    fn drop(&mut self) {
        let usual = self.options.kubeconfig.is_none();
        if usual && !std::thread::panicking() {
            let lacked = self.lacked().expect("an audit log to judge by");
            assert!(lacked.is_empty(), "the agent had no right to:\n{lacked}");
        }
    }
}

/// Names a program that is built already, instead of building one.
const PROGRAM: &str = "DRIFTLESS_PROGRAM";

/// The program under test, built once.
pub(crate) fn program() -> Result<PathBuf> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = PROGRAM.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.clone().map_err(anyhow::Error::msg)
}

/// Cargo builds test binaries, not the programs they run: ask for it, in the profile of this one.
fn build() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(PROGRAM) {
        return Ok(path.into());
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "build",
        "--quiet",
        "--locked",
        "-p",
        "cli",
        "--bin",
        "driftless",
    ]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let output = cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .context("cargo")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // A test binary lies in `<profile>/deps`, the program beside that folder; a benchmark lies beside the program.
    let caller = std::env::current_exe()?;
    let mut folder = caller.parent().context("no target directory")?;
    if folder.ends_with("deps") {
        folder = folder.parent().context("no target directory")?;
    }
    Ok(folder.join("driftless"))
}
