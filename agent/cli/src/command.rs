//! One file per command.

mod completions;
mod drift;
mod history;
mod image;
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
        Command::History(args) => history::run(args, context).await,
        Command::Drift(args) => drift::run(args, context).await,
        Command::Image(Image::Set(args)) => image::run(args, context),
        Command::Schema => schema::run(context),
        Command::Version => version::run(context),
        Command::Completions { shell } => completions::run(*shell, context),
    }
}
