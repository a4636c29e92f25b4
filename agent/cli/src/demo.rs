//! The demo: a control plane, a Git server, the agent, and a short tour of what it does.
//!
//! Everything is real. The agent runs as a process of its own, with exactly the rights that `deploy/` gives it;
//! commits go through git; what is told on the screen is read from the cluster.

use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::error::Explain;
use crate::signals::Signals;

mod agent;
mod canary;
mod cluster;
mod follow;
mod repo;
mod screen;
mod shop;
mod tour;

use self::{agent::Agent, cluster::Target, follow::Follow, repo::Repo, screen::Screen};

/// Said on somebody's own cluster.
const NO_CANARY: &str = "
The canary act is left out: it counts the requests of pods that the demo itself answers for, which it cannot on a
cluster with pods of its own. `driftless.dev/strategy: canary` in overlays/master brings them out step by step all the same.";

/// Why the demo cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// Not started from a checkout.
    #[error(
        "cannot find the sample config repo (overlays/develop/kustomization.yaml) from here upwards"
    )]
    NoSample,
    /// The control plane.
    #[error("cannot start the control plane")]
    ControlPlane(#[source] lab::control_plane::StartError),
    /// A call to the cluster.
    #[error("cannot {0}")]
    Cluster(String, #[source] Box<kube::Error>),
    /// The kubeconfig.
    #[error("cannot use the kubeconfig")]
    Kubeconfig(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A manifest of `deploy/`.
    #[error("cannot install from deploy/: {0}")]
    Deploy(String),
    /// The config repo.
    #[error("cannot make the config repo")]
    Git(#[source] lab::git::GitError),
    /// The Git server, or a file.
    #[error("cannot {0}")]
    Io(String, #[source] std::io::Error),
    /// The agent.
    #[error("cannot start the agent")]
    Agent(#[source] lab::process::ProcessError),
    /// It ended by itself.
    #[error("the agent has ended; its log ends:\n{0}")]
    AgentEnded(String),
    /// Something did not happen.
    #[error("{what} did not happen within {seconds} s; the agent's log ends:\n{log}")]
    Slow {
        /// What was waited for.
        what: String,
        /// For how long.
        seconds: u64,
        /// The end of the log.
        log: String,
    },
    /// A command of ours failed.
    #[error("`driftless {0}` failed: {1}")]
    Command(String, String),
}

impl Explain for DemoError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoSample => "run it inside a clone of the Driftless repository".to_owned(),
            Self::ControlPlane(_) => {
                "Go 1.26 or newer has to be installed; or give --kubeconfig FILE to use a cluster of yours".to_owned()
            }
            Self::Git(_) => "git has to be installed".to_owned(),
            _ => return None,
        })
    }
}

/// Starts everything, shows the tour, and waits to be asked to end.
pub(crate) async fn run(plan: Plan, context: &Context) -> Result<(), DemoError> {
    let root = root()?;
    let mut signals =
        Signals::listen().map_err(|error| DemoError::Io("wait for signals".to_owned(), error))?;
    let screen = Screen::new(context);
    let folder = tempfile::Builder::new()
        .prefix("driftless-demo-")
        .tempdir()
        .map_err(|error| DemoError::Io("make a temporary directory".to_owned(), error))?;
    let stage = Stage {
        root: &root,
        folder: folder.path(),
        screen: &screen,
    };
    tokio::select! {
        shown = stage.show(plan, context) => shown,
        () = signals.asked_to_end() => {
            screen.say("");
            screen.say("Stopping.");
            Ok(())
        }
    }
}

/// What is shown.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// Whether the tour is played.
    pub(crate) tour: bool,
    /// Whether to end after that.
    pub(crate) once: bool,
}

/// Where everything happens.
struct Stage<'a> {
    /// The checkout.
    root: &'a Path,
    /// For files that are gone afterwards.
    folder: &'a Path,
    screen: &'a Screen,
}

impl Stage<'_> {
    async fn show(&self, plan: Plan, context: &Context) -> Result<(), DemoError> {
        let Self {
            root,
            folder,
            screen,
        } = *self;
        let target = Target::ready(context, screen, folder).await?;
        target.install(root, screen).await?;
        let repo = Repo::start(root, folder, screen).await?;
        let shop = match target.is_own() {
            true => Some(canary::prepare(&target, &repo).await?),
            false => None,
        };
        let agent = Agent::start(&target, folder, screen).await?;
        let mut follow = Follow::new(&target, &agent);
        target.environments(&repo.url(), screen).await?;
        follow.all_healthy(screen).await?;
        if plan.tour {
            tour::play(&target, &repo, &agent, &mut follow, screen).await?;
            match shop {
                Some(shop) => {
                    let cast = canary::Cast {
                        repo: &repo,
                        agent: &agent,
                        follow: &mut follow,
                        screen,
                    };
                    canary::play(shop, &target, cast).await?;
                }
                None => screen.say(NO_CANARY),
            }
        }
        screen.farewell(&target.kubeconfig, agent.log(), &repo.url());
        if plan.once {
            return Ok(());
        }
        agent.ended().await
    }
}

/// The checkout: upwards from the current directory, else where the program was built.
fn root() -> Result<PathBuf, DemoError> {
    let here = std::env::current_dir().unwrap_or_default();
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let is_root = |folder: &PathBuf| folder.join("overlays/develop/kustomization.yaml").is_file();
    let mut candidates = here.ancestors().map(Path::to_path_buf).chain([built]);
    candidates.find(is_root).ok_or(DemoError::NoSample)
}
