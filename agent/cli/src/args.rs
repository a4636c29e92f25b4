//! The command line as typed. The comments are the help texts.
//!
//! Nothing is resolved here: no file is read, no environment asked, apart from what `clap` does itself.

mod cluster;
mod repo;
mod rollout;
mod run;

pub(crate) use cluster::{Approve, Drift, History, Names, Status, Sync};
pub(crate) use repo::{Diff, Explain, Image, ImageSet, LoadRestrictor, Render, Reorder, Rollback};
pub(crate) use rollout::{Give, Look, Rollout, RolloutCommand};
pub(crate) use run::{Agent, Demo, LogFormat};

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Keeps a Kubernetes cluster equal to a Git repository.
///
/// Exit codes: 0 in sync or done, 1 drift, difference or refused, 2 error.
#[derive(Debug, Parser)]
#[command(
    name = "driftless",
    version,
    max_term_width = 100,
    propagate_version = false
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Kubeconfig file. Default: $KUBECONFIG, then ~/.kube/config, then the pod's own account
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig to use. Default: its current one
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Namespace of the Environments. Default: the context's
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// How to print the answer
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    pub(crate) output: Format,
    /// When to use colour. `NO_COLOR` is respected
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
}

/// How the answer is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For programs, and easier to read.
    Yaml,
}

/// When colour is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal that can.
    #[default]
    Auto,
    /// Also into pipes.
    Always,
    /// Not at all.
    Never,
}

/// The commands, in the order of the help.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show every Environment in one line: revision, release, health, drift
    Status(Status),
    /// Ask for a pass now instead of at the next poll
    Sync(Sync),
    /// Switch Environments off; their objects stay as they are
    Suspend(Names),
    /// Switch Environments on again
    Resume(Names),
    /// Show how a new revision is brought out, and direct it: promote, skip, pause, abort, retry, approve
    Rollout(Rollout),
    /// List the Releases of an Environment, or tell one in detail
    History(History),
    /// Tell who changed which field in the cluster, and what was done about it
    Drift(Drift),
    /// Show what a working tree or branch would change in the cluster
    Diff(Diff),
    /// Print the objects of a kustomization, byte for byte as `kustomize build`
    Render(Render),
    /// Tell for each field of a rendered object which line, layer and commit set it
    Explain(Explain),
    /// Revert the commits since the last good Release and push
    Rollback(Rollback),
    /// Show the plan that waits for approval, or approve it
    Approve(Approve),
    /// Edit images in an overlay: all that CI needs to do
    #[command(subcommand)]
    Image(Image),
    /// Show the main job on a control plane of its own, or on a cluster of yours
    Demo(Demo),
    /// Run the agent; `deploy/` does this in a cluster
    Agent(Agent),
    /// Print the custom resource definitions
    #[command(hide = true)]
    Schema,
    /// Print the version
    Version,
    /// Print a completion script
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
}
