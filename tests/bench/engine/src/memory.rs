//! What objects cost in memory: while they are made and changed, and while nothing happens.
//!
//! Told apart from the program's own pages, which the system shares and takes back as it likes.

use std::time::Duration;

use anyhow::Result;
use e2e::World;
use serde_json::json;

use crate::{
    estate::{Estate, Shape},
    note,
    table::{Table, megabytes},
};

/// Objects of the one Environment.
const SIZES: [usize; 4] = [10, 500, 2_000, 5_000];
/// The allocator gives back what is free within a moment, as long as anything happens at all.
const SETTLE: Duration = Duration::from_secs(12);

/// One size.
struct Figures {
    objects: usize,
    /// After the first and the second commit.
    idle: Memory,
    peak: u64,
    /// After a restart with nothing to do.
    again: Memory,
    peak_again: u64,
}

/// Memory of the process.
#[derive(Clone, Copy)]
struct Memory {
    all: u64,
    /// Of it, what is no file.
    anonymous: u64,
}

/// Measures all sizes, or those asked for.
pub(crate) async fn measure(world: &'static World, sizes: &[usize]) -> Result<Table> {
    let sizes = if sizes.is_empty() { &SIZES } else { sizes };
    let title = "Memory of one Environment: all objects made, then all changed by one commit, then a restart";
    let columns = [
        "objects",
        "idle",
        "without the program",
        "peak",
        "idle after a restart",
        "without the program",
        "peak of that",
        "more for each object",
        "after a restart",
    ];
    let mut table = Table::new(title, columns);
    let mut first: Option<Figures> = None;
    for size in sizes {
        let figures = one(world, *size).await?;
        let slope = |of: fn(&Figures) -> u64| match &first {
            None => "–".to_owned(),
            Some(first) => {
                let more = of(&figures).saturating_sub(of(first));
                let objects = figures.objects.saturating_sub(first.objects).max(1);
                format!("{} bytes", more / objects as u64)
            }
        };
        table.row(vec![
            size.to_string(),
            megabytes(figures.idle.all),
            megabytes(figures.idle.anonymous),
            megabytes(figures.peak),
            megabytes(figures.again.all),
            megabytes(figures.again.anonymous),
            megabytes(figures.peak_again),
            slope(|figures| figures.idle.anonymous),
            slope(|figures| figures.again.anonymous),
        ]);
        first = first.or(Some(figures));
    }
    Ok(table)
}

async fn one(world: &'static World, objects: usize) -> Result<Figures> {
    let shape = Shape {
        environments: 1,
        objects,
    };
    let mut estate = Estate::start(world, shape, "v0").await?;
    let making = estate.watch(objects, async || estate.environments(|_| json!({})).await);
    making.await?;
    estate.commit(0..1, "v1")?;
    estate.watch(objects, async || estate.publish()).await?;
    let (idle, peak) = at_rest(&estate).await?;
    estate.restart().await?;
    let (again, peak_again) = at_rest(&estate).await?;
    Ok(Figures {
        objects,
        idle,
        peak,
        again,
        peak_again,
    })
}

/// Waits until what is free has been given back.
pub(crate) async fn settle() {
    tokio::time::sleep(SETTLE).await; // sleeps because nobody tells when it has been
}

async fn at_rest(estate: &Estate) -> Result<(Memory, u64)> {
    let spent = estate.agent.process.processor_time();
    note(&format!(
        "{spent:.2?} of processor time, at rest: process {}",
        estate.agent.process.id()
    ))?;
    settle().await;
    let process = &estate.agent.process;
    let memory = Memory {
        all: process.resident_bytes(),
        anonymous: process.anonymous_bytes(),
    };
    Ok((memory, process.peak_bytes()))
}
