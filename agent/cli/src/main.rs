//! The `driftless` program: reads the arguments, runs one command, prints its error, ends with its exit code.
//!
//! What was typed is [`args`]; what it means is [`context`]; what it does is one file under [`command`]. Standard
//! output carries data, standard error carries talk. Nothing here judges a cluster or a manifest: that is `plan` and
//! `render`.

mod args;
mod command;
mod connect;
mod context;
mod demo;
mod environments;
mod error;
mod git;
mod image;
mod objects;
mod releases;
mod request;
mod signals;
mod term;
mod who;

use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime::Builder;

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::error::{Exit, Failure};

/// `.cargo/config.toml` says how it behaves.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let context = Context::resolve(&cli.global);
    let exit = match run(&cli, &context) {
        Ok(exit) => exit,
        Err(failure) => failure.print(context.color),
    };
    exit.into()
}

/// Runs the command to its end. Threads of its own are for what goes on for long: to start them takes a tenth of a small render.
fn run(cli: &Cli, context: &Context) -> Result<Exit, Failure> {
    let mut runtime = match cli.command {
        Command::Agent(_) | Command::Demo(_) => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    let runtime = runtime
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(error::StartError)?;
    runtime.block_on(command::run(&cli.command, context))
}
