//! What many objects and many Environments cost: to make, to change one of them, to keep, to start again with.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::World;
use serde_json::json;

use crate::{
    bare::Bare,
    drift,
    estate::{Estate, Seen, Shape, name},
    memory, say,
    table::{Table, kilobytes, megabytes, micros, millis, per_second, seconds},
};

/// As many requests at once as the agent makes for one Environment, and for all together.
const AT_ONCE: (usize, usize) = (16, 64);

/// The tables of all shapes.
pub(crate) struct Tables {
    make: Table,
    one: Table,
    start: Table,
    keep: Table,
    drift: Table,
}

impl Tables {
    pub(crate) fn new() -> Self {
        Self {
            make: Table::new(
                "Making all objects of new Environments, and then changing all of them by one commit",
                [
                    "environments × objects",
                    "what",
                    "seconds",
                    "bare loop",
                    "of its rate",
                    "from first write, objects/s",
                    "of its rate",
                    "requests",
                    "CPU s",
                    "CPU µs/object",
                    "git",
                ],
            ),
            one: Table::new(
                "One commit that changes one object of one Environment",
                [
                    "environments × objects",
                    "written after",
                    "reads",
                    "writes",
                    "about others",
                    "git requests",
                    "git",
                    "CPU ms",
                ],
            ),
            start: Table::new(
                "A restart with nothing to do, cache empty",
                ["environments × objects", "reads", "writes", "CPU s", "git"],
            ),
            keep: Table::new(
                "Kept",
                [
                    "environments × objects",
                    "idle",
                    "peak",
                    "idle after a restart",
                    "requests in a quiet time of",
                    "were",
                ],
            ),
            drift: drift::table(),
        }
    }

    /// Measures one shape; `quiet` is how long nothing happens.
    pub(crate) async fn measure(
        &mut self,
        world: &'static World,
        shape: Shape,
        quiet: Duration,
    ) -> Result<()> {
        let at_once = (AT_ONCE.0 * shape.environments).min(AT_ONCE.1);
        // The loop runs before and after the agent: an API server gets slower with all that it holds.
        let mut before = Bare::new(world, shape.all(), at_once).await?;
        let mut after = Bare::new(world, shape.all(), at_once).await?;
        let mut estate = Estate::start(world, shape, "v0").await?;
        let bare = before.round().await?;
        let made = estate.watch(shape.all(), async || {
            estate.environments(|_| json!({})).await
        });
        let made = made.await?;
        self.made(shape, "create", &made, [bare, after.round().await?])?;
        estate.commit(0..shape.environments, "v1")?;
        let bare = before.round().await?;
        let changed = estate.watch(shape.all(), async || estate.publish());
        let changed = changed.await?;
        self.made(shape, "change", &changed, [bare, after.round().await?])?;
        let last = shape.environments - 1;
        estate.commit_one(last, "v2")?;
        let one = estate.watch(1, async || estate.publish());
        self.one(shape, &one.await?, &name(last))?;
        memory::settle().await;
        let (idle, peak) = {
            let process = &estate.agent.process;
            (process.resident_bytes(), process.peak_bytes())
        };
        let start = estate.restart().await?;
        self.start.row(vec![
            shape.name(),
            start.reads().to_string(),
            start.writes().to_string(),
            seconds(start.processor),
            kilobytes(start.git_bytes),
        ]);
        memory::settle().await;
        let again = estate.agent.process.resident_bytes();
        if shape.environments == 1 {
            let who = (&estate.shop, &estate.agent);
            drift::measure(&mut self.drift, who, &estate.objects(0), "v1").await?;
        }
        let requests = estate.quiet(quiet).await?;
        if !requests.is_empty() {
            say(&format!(
                "{} while quiet:\n{}",
                shape.name(),
                requests.summary()
            ))?;
        }
        ensure!(requests.len() < 1_000, "not quiet:\n{}", requests.summary());
        self.keep.row(vec![
            shape.name(),
            megabytes(idle),
            megabytes(peak),
            megabytes(again),
            seconds(quiet),
            requests.len().to_string(),
        ]);
        Ok(())
    }

    /// Prints what was measured.
    pub(crate) fn print(&self) -> Result<()> {
        for table in [&self.make, &self.one, &self.start, &self.keep, &self.drift] {
            say(&table.to_string())?;
        }
        Ok(())
    }

    fn made(&mut self, shape: Shape, what: &str, seen: &Seen, bare: [Duration; 2]) -> Result<()> {
        let (all, writing, count) = (seen.all()?, seen.writing()?, shape.all());
        let mean = (bare[0] + bare[1]) / 2;
        let of = |time: Duration| format!("{:.2}", mean.as_secs_f64() / time.as_secs_f64());
        self.make.row(vec![
            shape.name(),
            what.to_owned(),
            seconds(all),
            seconds(mean),
            of(all),
            per_second(count, writing),
            of(writing),
            seen.work.len().to_string(),
            seconds(seen.processor),
            micros(seen.processor, count),
            kilobytes(seen.git_bytes),
        ]);
        crate::note(&format!(
            "{} {what}: {all:.1?}, of which writing {writing:.1?}, bare loop before and after {bare:.1?}",
            shape.name()
        ))
    }

    fn one(&mut self, shape: Shape, seen: &Seen, name: &str) -> Result<()> {
        let others = seen.work.only(|entry| {
            let about_it = entry.name.starts_with(name) || entry.uri.contains(name);
            entry.is_write() && !about_it && !entry.uri.contains("/events")
        });
        self.one.row(vec![
            shape.name(),
            millis(seen.all()?),
            seen.reads().to_string(),
            seen.writes().to_string(),
            others.len().to_string(),
            seen.git_requests.to_string(),
            kilobytes(seen.git_bytes),
            seen.processor.as_millis().to_string(),
        ]);
        crate::note(&format!("{} one:\n{}", shape.name(), seen.work.summary()))
    }
}
