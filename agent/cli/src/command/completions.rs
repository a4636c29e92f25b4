//! `driftless completions`: a script for a shell.

use std::io::Write as _;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Cli;
use crate::context::Context;
use crate::error::{Exit, Failure};

/// Prints the script for `shell`.
pub(super) fn run(shell: Shell, context: &Context) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "driftless", &mut script);
    context.out().write_all(&script)?;
    Ok(Exit::Good)
}
