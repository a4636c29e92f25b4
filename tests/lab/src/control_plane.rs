//! One Kubernetes control plane on loopback ports, alive as long as its value.
//!
//! Its parts are real and separate processes, so a test can kill or freeze one and start it again. When the value is
//! dropped, or the program that holds it ends in whatever way, the parts end and the folder goes.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::json;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::audit;
use crate::build::{self, BuildError, Programs};
use crate::ports::Port;
use crate::process::Process;

pub use api::{Api, ApiError};
pub use options::{Options, Part};

use files::{Files, Identity};
use flags::Ports;

mod api;
mod files;
mod flags;
mod options;
mod start;

/// A token is good for this long: longer than any test or demo.
const TOKEN_SECONDS: u32 = 7 * 24 * 3600;

/// A running control plane.
pub struct ControlPlane {
    // Dropped in this order: first the parts, then the one that would clean up after us, then the folder itself.
    parts: Mutex<BTreeMap<Part, Process>>,
    sweeper: Option<Process>,
    files: Files,
    ports: Ports,
    _held: Vec<Port>,
    programs: Programs,
    options: Options,
    url: String,
    directory: TempDir,
}

/// Why a control plane could not be started, or a part of it could not.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The programs could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// No folder, no ports, no process.
    #[error("cannot start {what}")]
    Io {
        /// What was being started.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The client could not be made.
    #[error("cannot make a client for the API server")]
    Client(#[from] reqwest::Error),
    /// The API server refused something the lab needs.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A part ended; the end of its log is included.
    #[error("{part} has ended; its log ends:\n{tail}")]
    Ended {
        /// The part.
        part: &'static str,
        /// The last lines of its log.
        tail: String,
    },
    /// It took too long; the end of the API server's log is included.
    #[error("not ready after {seconds} s: {waiting}; the API server's log ends:\n{tail}")]
    Slow {
        /// The time given.
        seconds: u64,
        /// What was being waited for.
        waiting: String,
        /// The last lines of the API server's log.
        tail: String,
    },
}

impl ControlPlane {
    /// Builds the programs if need be, starts the parts and waits until they work.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let progress = options.progress.clone();
        let built = tokio::task::spawn_blocking(move || build::programs(&progress)).await;
        let programs = built.map_err(|error| io_error("the build", io::Error::other(error)))??;
        let control_plane = Self::prepare(programs, options)?;
        control_plane.bring_up().await?;
        Ok(control_plane)
    }

    /// The control plane that all tests of this process share, with every part running; keep apart by namespace.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();
        let start = || async {
            let started = Self::start(Options::default()).await;
            started.unwrap_or_else(|error| unavailable(&error))
        };
        SHARED.get_or_init(start).await
    }

    /// Where the API server is: `https://127.0.0.1:20443`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The kubeconfig of an administrator (`lab:admin`, group `system:masters`).
    pub fn kubeconfig(&self) -> PathBuf {
        self.files.kubeconfig_path("admin")
    }

    /// The folder of this control plane; logs of the parts are in it as `<part>.log`.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The certificate authority of the API server, as PEM.
    pub fn ca(&self) -> &str {
        &self.files.ca
    }

    /// What the API server has written down.
    pub fn audit(&self) -> audit::Log {
        audit::Log::at(&self.files.path("audit.log"))
    }

    /// Plain requests as the administrator.
    pub fn api(&self) -> Result<Api, StartError> {
        Ok(Api::new(&self.url, &self.files.ca, &self.files.admin)?)
    }

    /// A kubeconfig with exactly the rights of a service account, which must exist.
    pub async fn kubeconfig_for_service_account(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<PathBuf, StartError> {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let ask = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": { "expirationSeconds": TOKEN_SECONDS },
        });
        let answer = self.api()?.create(&path, &ask).await?;
        let token = answer["status"]["token"].as_str().unwrap_or_default();
        self.files
            .kubeconfig(&format!("{namespace}.{name}"), &Identity::Token(token))
    }

    /// Kills a part (SIGKILL), as a crash would; nothing happens if it does not run.
    pub fn kill(&self, part: Part) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.remove(&part);
    }

    /// Freezes a part (SIGSTOP): connections stay open and nothing answers.
    pub fn pause(&self, part: Part) {
        self.with(part, Process::pause);
    }

    /// Lets a frozen part run on.
    pub fn resume(&self, part: Part) {
        self.with(part, Process::resume);
    }

    /// Starts a killed part again, on the same port and data, and waits until it works.
    pub async fn restart(&self, part: Part) -> Result<(), StartError> {
        self.kill(part);
        self.launch(part)?;
        self.wait_for_apiserver().await
    }

    /// The memory a part uses now (resident set), in bytes.
    pub fn resident_bytes(&self, part: Part) -> u64 {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.get(&part).map_or(0, Process::resident_bytes)
    }

    fn with(&self, part: Part, act: impl Fn(&Process)) {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.get(&part).into_iter().for_each(act);
    }

    fn launch(&self, part: Part) -> Result<(), StartError> {
        let name = flags::name(part);
        let mut command = if part == Part::Kwok {
            Command::new(&self.programs.kwok)
        } else {
            let mut command = Command::new(&self.programs.control_plane);
            command.arg(name);
            command
        };
        command.args(flags::flags(part, &self.files, self.ports, &self.options));
        // A person's own settings (~/.kwok, ~/.kube) are none of the lab's business.
        command
            .env("HOME", self.directory())
            .env_remove("KUBECONFIG")
            .current_dir(self.directory());
        let log = self.files.path(&format!("{name}.log"));
        let process =
            Process::spawn_unguarded(name, command, &log).map_err(|e| io_error(name, e))?;
        self.parts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(part, process);
        Ok(())
    }
}

impl Drop for ControlPlane {
    /// All are told to end before any is waited for.
    fn drop(&mut self) {
        let parts = self.parts.get_mut().unwrap_or_else(PoisonError::into_inner);
        parts.values().for_each(Process::kill);
        parts.clear();
        self.sweeper = None;
    }
}

impl fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlPlane")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

fn io_error(what: &'static str, source: io::Error) -> StartError {
    StartError::Io { what, source }
}

/// Tests that share a control plane have no use for going on without it.
#[expect(
    clippy::panic,
    reason = "a static that tests share cannot hand an owned error to each of them"
)]
fn unavailable(error: &StartError) -> ControlPlane {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    panic!("no control plane to test on: {text}")
}
