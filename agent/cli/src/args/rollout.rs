//! Arguments of `rollout`.

use clap::{Args, Subcommand};

/// Arguments of `rollout`: a command, or an Environment to look at.
#[derive(Debug, Args)]
#[command(
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  driftless rollout production                 where it stands
  driftless rollout production --watch         the same, painted anew with every change
  driftless rollout promote production         go on: ends a pause
  driftless rollout promote production --full  leave all remaining steps out
  driftless rollout approve production --step 4
  driftless rollout abort production           back to the last good revision

The status exits with 1 while a rollout is under way or its revision is held."
)]
pub(crate) struct Rollout {
    #[command(subcommand)]
    pub(crate) command: Option<RolloutCommand>,
    /// The Environment
    #[arg(value_name = "ENV", required = true)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) look: Look,
}

/// The commands under `rollout`.
#[derive(Debug, Subcommand)]
pub(crate) enum RolloutCommand {
    /// Show where it stands: revisions, pods, weights, steps, numbers, and what it waits for
    Status(RolloutStatus),
    /// Go on: ends a pause, whoever or whatever made it
    Promote(Promote),
    /// Leave the current step out
    Skip(Give),
    /// Stay at the current step until `promote`
    Pause(Give),
    /// Everybody back to the last good revision at once; the new one is rejected
    Abort(Give),
    /// Give the rejected revision a second chance
    Retry(Give),
    /// Approve the current step; each person counts once
    Approve(Give),
}

/// Arguments of `rollout status`.
#[derive(Debug, Args)]
pub(crate) struct RolloutStatus {
    /// The Environment
    #[arg(value_name = "ENV")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) look: Look,
}

/// How to look.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Look {
    /// Stay, and show each change as it happens
    #[arg(short, long)]
    pub(crate) watch: bool,
}

/// Arguments of `rollout promote`.
#[derive(Debug, Args)]
pub(crate) struct Promote {
    #[command(flatten)]
    pub(crate) give: Give,
    /// Leave all remaining steps out, analysis included
    #[arg(long)]
    pub(crate) full: bool,
}

/// Arguments of every command that is given to a rollout.
#[derive(Debug, Args)]
pub(crate) struct Give {
    /// The Environment
    #[arg(value_name = "ENV")]
    pub(crate) name: String,
    /// Only if it is at this step; counted from 1, as the status shows it
    #[arg(long, value_name = "NUMBER")]
    pub(crate) step: Option<usize>,
    /// Stay until the agent has answered
    #[arg(short, long)]
    pub(crate) wait: bool,
    /// How long to wait, such as `90s` or `10m`
    #[arg(long, value_name = "TIME", default_value = "1m", requires = "wait")]
    pub(crate) timeout: api::Interval,
}
