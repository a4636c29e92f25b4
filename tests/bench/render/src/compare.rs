//! Pairs of runs: kustomize and Driftless in turn on the same tree, and the same YAML merely read and written.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::measure::{self, Cost};
use crate::{say, tree};

/// The programs at work.
pub(crate) struct Programs {
    pub(crate) kustomize: PathBuf,
    pub(crate) driftless: PathBuf,
    pub(crate) this: PathBuf,
}

/// The medians of one tree.
struct Row {
    theirs: Option<Cost>,
    ours: Cost,
    copy: Cost,
}

const HEAD: &str = "\
| tree | kustomize CPU ms | ours | times | kustomize wall ms | ours | times | kustomize MB | ours | times | read + write CPU ms | ours / that |
|---|---|---|---|---|---|---|---|---|---|---|---|";

/// Trees of these sizes.
pub(crate) fn sizes(sizes: &[usize], programs: &Programs) -> Result<()> {
    load("before")?;
    say(HEAD)?;
    let mut rows = Vec::new();
    for size in sizes {
        let dir = tempfile::tempdir()?;
        tree::overlay(*size).write(dir.path())?;
        let row = pairs(dir.path(), runs(*size), programs)?;
        print(&format!("{size} resources"), &row)?;
        rows.push((*size, row));
    }
    let at = |size| {
        rows.iter()
            .find(|(of, _)| *of == size)
            .map(|(_, row)| row.ours)
    };
    if let (Some(less), Some(more)) = (at(1_000), at(5_000)) {
        say(&format!(
            "\n5,000 take {:.2} times the CPU of 1,000, {:.2} times the wall time",
            more.cpu / less.cpu,
            more.wall / less.wall
        ))?;
    }
    load("after")
}

/// A monorepo of 300 services with an overlay each, all rendered at once.
pub(crate) fn services(programs: &Programs) -> Result<()> {
    say(HEAD)?;
    let dir = tempfile::tempdir()?;
    tree::services(300).write(dir.path())?;
    let row = pairs(dir.path(), (3, 10), programs)?;
    print("300 services", &row)
}

/// How often kustomize runs, and we.
fn runs(size: usize) -> (usize, usize) {
    match size {
        0..50 => (20, 40),
        50..500 => (10, 20),
        500..2_000 => (3, 15),
        _ => (1, 9),
    }
}

/// The same work by both, by turns.
fn pairs(dir: &Path, (theirs, ours): (usize, usize), programs: &Programs) -> Result<Row> {
    let overlay = dir.join("overlay");
    let (their_out, our_out, copy_out) = (dir.join("theirs"), dir.join("ours"), dir.join("copy"));
    let mut costs: [Vec<Cost>; 3] = Default::default();
    for run in 0..ours {
        if run < theirs {
            let args = [Path::new("build"), &overlay];
            let cost = measure::run(&programs.this, &programs.kustomize, &args, &their_out)?;
            costs[0].extend(cost);
        }
        let args = [Path::new("render"), &overlay];
        costs[1].extend(measure::run(
            &programs.this,
            &programs.driftless,
            &args,
            &our_out,
        )?);
        let args = [Path::new("copy"), &our_out];
        costs[2].extend(measure::run(
            &programs.this,
            &programs.this,
            &args,
            &copy_out,
        )?);
    }
    let our_bytes = std::fs::read(&our_out)?;
    if !costs[0].is_empty() && our_bytes != std::fs::read(&their_out)? {
        bail!("the bytes differ");
    }
    if our_bytes != std::fs::read(&copy_out)? {
        bail!("the bytes change when they are read and written");
    }
    let [theirs, ours, copy] = costs.map(|costs| median(&costs));
    match (ours, copy) {
        (Some(ours), Some(copy)) => Ok(Row { theirs, ours, copy }),
        _ => bail!("a run of ours was stopped"),
    }
}

/// The middle of each figure.
fn median(costs: &[Cost]) -> Option<Cost> {
    let middle = |figure: fn(&Cost) -> f64| {
        let mut all: Vec<f64> = costs.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    };
    Some(Cost {
        cpu: middle(|cost| cost.cpu)?,
        wall: middle(|cost| cost.wall)?,
        memory: middle(|cost| cost.memory)?,
    })
}

fn print(name: &str, Row { theirs, ours, copy }: &Row) -> Result<()> {
    let triple = |figure: fn(&Cost) -> f64| match theirs {
        Some(theirs) => {
            let (theirs, ours) = (figure(theirs), figure(ours));
            format!("{theirs:.1} | {ours:.1} | {:.0}×", theirs / ours)
        }
        None => format!(
            "over {} s | {:.1} | -",
            measure::LIMIT.as_secs(),
            figure(ours)
        ),
    };
    say(&format!(
        "| {name} | {} | {} | {} | {:.1} | {:.1}× |",
        triple(|cost| cost.cpu),
        triple(|cost| cost.wall),
        triple(|cost| cost.memory),
        copy.cpu,
        ours.cpu / copy.cpu,
    ))
}

/// What else the machine was doing.
fn load(when: &str) -> Result<()> {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = load.split(' ').next().unwrap_or("?");
    say(&format!("load {when}: {load} on {cores} cores\n"))
}
