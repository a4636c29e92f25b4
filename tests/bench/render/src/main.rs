//! How fast Driftless renders, beside the real kustomize, on trees made for it.
//!
//! ```text
//! cargo build --release -p cli -p render-bench
//! target/release/render-bench                     all of it
//! target/release/render-bench speed 10 1000       only these sizes
//! target/release/render-bench services            a monorepo of 300 services
//! target/release/render-bench incremental         1,000 environments, one file changed
//! ```
//! `DRIFTLESS` and `KUSTOMIZE` name the programs. Every pair of runs must give the same bytes, or the bench fails.
//! What the figures were is in `docs/benchmarks.md`.

mod compare;
mod copy;
mod incremental;
mod measure;
mod tree;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use compare::Programs;

/// How many resources the trees have.
const SIZES: [usize; 4] = [10, 100, 1_000, 5_000];

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match &words[..] {
        ["measure", rest @ ..] => measure::child(rest),
        ["copy", file] => copy::run(file.as_ref()),
        ["speed"] => compare::sizes(&SIZES, &programs()?),
        ["speed", sizes @ ..] => {
            let sizes: Result<Vec<usize>, _> = sizes.iter().map(|size| size.parse()).collect();
            compare::sizes(&sizes.context("sizes are numbers")?, &programs()?)
        }
        ["services"] => compare::services(&programs()?),
        ["incremental"] => incremental::run(),
        [] => {
            let programs = programs()?;
            compare::sizes(&SIZES, &programs)?;
            compare::services(&programs)?;
            incremental::run()
        }
        _ => bail!("usage: render-bench [speed [SIZE…] | services | incremental]"),
    }
}

fn programs() -> Result<Programs> {
    let this = std::env::current_exe()?;
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let named = |variable, default: PathBuf| std::env::var_os(variable).map_or(default, Into::into);
    let programs = Programs {
        kustomize: named("KUSTOMIZE", home.join("go/bin/kustomize")),
        driftless: named("DRIFTLESS", this.with_file_name("driftless")),
        this,
    };
    for program in [&programs.kustomize, &programs.driftless] {
        if !program.is_file() {
            bail!("{} is not there", program.display());
        }
    }
    Ok(programs)
}

/// Prints a line of the report.
fn say(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
