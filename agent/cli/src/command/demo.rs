//! `driftless demo`: the main job, shown on a real control plane.

use crate::args::Demo;
use crate::context::Context;
use crate::demo;
use crate::error::{Exit, Failure};

/// Runs the demo.
pub(crate) async fn run(args: &Demo, context: &Context) -> Result<Exit, Failure> {
    let plan = demo::Plan {
        tour: !args.no_tour,
        once: args.once,
    };
    demo::run(plan, context).await?;
    Ok(Exit::Good)
}
