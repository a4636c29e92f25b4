//! `driftless demo`: the main job, shown on a real control plane.

use crate::args::Demo;
use crate::context::Context;
use crate::demo;
use crate::error::{Exit, Failure};

/// Runs the demo.
pub(crate) async fn run(args: &Demo, context: &Context) -> Result<Exit, Failure> {
    demo::run(args.no_tour, args.once, context).await?;
    Ok(Exit::Good)
}
