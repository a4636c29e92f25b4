//! `driftless demo`: the main job, shown on a real control plane.

use clap::Args;

use crate::context::Context;
use crate::demo;
use crate::error::{Exit, Failure};

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --kubeconfig it builds and starts a control plane of its own (Go is needed, and about 5 minutes the first time). With --kubeconfig it uses that cluster, and installs the custom resources and the agent's rights there."
)]
pub(crate) struct Arguments {
    /// Start everything and leave out the tour
    #[arg(long)]
    pub(crate) no_tour: bool,
    /// End after the tour instead of waiting for Ctrl-C
    #[arg(long)]
    pub(crate) once: bool,
}

/// Runs the demo.
pub(crate) async fn run(args: &Arguments, context: &Context) -> Result<Exit, Failure> {
    demo::run(args.no_tour, args.once, context).await?;
    Ok(Exit::Good)
}
