//! Arguments of the commands that talk to a cluster only.

use clap::Args;

/// Arguments of `status`.
#[derive(Debug, Args)]
#[command(after_help = "Exits with 1 if an Environment is not ready or has drifted.")]
pub(crate) struct Status {
    /// Only these Environments. Default: all of the namespace
    #[arg(value_name = "ENV")]
    pub(crate) names: Vec<String>,
    /// All namespaces
    #[arg(short = 'A', long, conflicts_with = "names")]
    pub(crate) all_namespaces: bool,
    /// Stay, and show each change as it happens
    #[arg(short, long)]
    pub(crate) watch: bool,
}

/// Arguments of `sync`.
#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// The Environment
    #[arg(value_name = "ENV")]
    pub(crate) name: String,
    /// Stay until the pass has ended, healthy or not
    #[arg(short, long)]
    pub(crate) wait: bool,
    /// How long to wait, such as `90s` or `10m`
    #[arg(long, value_name = "TIME", default_value = "10m", requires = "wait")]
    pub(crate) timeout: api::Interval,
    /// Let the revision that waits through, outside of spec.windows; recorded in its Release
    #[arg(long, requires = "reason")]
    pub(crate) outside_window: bool,
    /// Why it cannot wait
    #[arg(long, value_name = "TEXT", requires = "outside_window")]
    pub(crate) reason: Option<String>,
}

/// Arguments of `suspend` and `resume`.
#[derive(Debug, Args)]
pub(crate) struct Names {
    /// The Environments
    #[arg(required = true, value_name = "ENV")]
    pub(crate) names: Vec<String>,
}

/// Arguments of `history`.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// The Environment
    #[arg(value_name = "ENV")]
    pub(crate) name: String,
    /// One Release in detail: its number or name
    #[arg(value_name = "RELEASE")]
    pub(crate) release: Option<String>,
    /// At most this many, newest first
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub(crate) limit: usize,
}

/// Arguments of `drift`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exits with 1 if something differs now; what was put right already does not count."
)]
pub(crate) struct Drift {
    /// Only this Environment. Default: all of the namespace
    #[arg(value_name = "ENV")]
    pub(crate) name: Option<String>,
    /// All namespaces
    #[arg(short = 'A', long, conflicts_with = "name")]
    pub(crate) all_namespaces: bool,
    /// Have the agent compare all objects with a dry run now, and show what its watch had missed
    #[arg(long, requires = "name", conflicts_with = "all_namespaces")]
    pub(crate) audit: bool,
}

/// Arguments of `approve`.
#[derive(Debug, Args)]
#[command(after_help = "Without --plan it shows what waits, and exits with 1 if something does.")]
pub(crate) struct Approve {
    /// The Environment
    #[arg(value_name = "ENV")]
    pub(crate) name: String,
    /// The plan to let through, by its digest or the first characters of it
    #[arg(long, value_name = "DIGEST")]
    pub(crate) plan: Option<String>,
}
