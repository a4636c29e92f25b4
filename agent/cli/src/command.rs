//! One file per command.

mod agent;
mod approve;
mod completions;
mod demo;
mod diff;
mod drift;
mod explain;
mod history;
mod image;
mod render;
mod rollback;
mod rollout;
mod schema;
mod status;
mod suspend;
mod sync;
mod version;

use crate::args::{Command, Image};
use crate::context::Context;
use crate::error::{Exit, Failure};

/// Runs `command`.
pub(crate) async fn run(command: &Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Status(args) => status::run(args, context).await,
        Command::Sync(args) => sync::run(args, context).await,
        Command::Suspend(args) => suspend::run(args, true, context).await,
        Command::Resume(args) => suspend::run(args, false, context).await,
        Command::Rollout(args) => rollout::run(args, context).await,
        Command::History(args) => history::run(args, context).await,
        Command::Drift(args) => drift::run(args, context).await,
        Command::Diff(args) => diff::run(args, context).await,
        Command::Render(args) => render::run(args, context),
        Command::Explain(args) => explain::run(args, context),
        Command::Rollback(args) => rollback::run(args, context).await,
        Command::Approve(args) => approve::run(args, context).await,
        Command::Image(Image::Set(args)) => image::run(args, context),
        Command::Demo(args) => demo::run(args, context).await,
        Command::Agent(args) => agent::run(args, context).await,
        Command::Schema => schema::run(context),
        Command::Version => version::run(context),
        Command::Completions { shell } => completions::run(*shell, context),
    }
}
