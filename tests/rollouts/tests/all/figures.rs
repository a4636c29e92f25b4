//! Figures of a run, for publishing: `ROLLOUTS_TABLE=1 cargo test -p rollouts` plays the scenarios one at a time, each
//! with at least 300 users a second, and prints a table at the end.

use std::{
    io::{self, Write as _},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use lab::{
    Load,
    audit::{Entry, Mark},
    load::Sample,
};
use rollout::wish::Event;

use crate::{show::Show, stage::figures_are_taken};

/// An answer that takes longer is a bad one.
const SLOW: f64 = 1.0;

/// Rows of the table, and sentences to stand below it.
static NOTED: Mutex<(Vec<String>, Vec<String>)> = Mutex::new((Vec::new(), Vec::new()));

/// Adds a sentence.
pub(crate) fn say(sentence: String) {
    let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    noted.1.push(sentence);
}

/// Prints what was noted, if that is asked for.
pub(crate) fn print() -> io::Result<()> {
    let noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    if !figures_are_taken() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "| scenario | requests | failed | by the new version | its share | first bad answer to nobody on it | verdict to nobody on it | verdict to route written | writes |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|")?;
    for line in noted.0.iter().chain(&noted.1) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// What came of one scenario.
struct Figures<'a> {
    load: &'a Load,
    samples: Vec<Sample>,
    /// Those that the new version answered.
    new: Vec<Sample>,
}

impl Show {
    /// Notes what users got of `version` since `mark`, and how quickly they were brought back, if they were.
    pub(crate) async fn note(
        &self,
        scenario: &str,
        load: &Load,
        (version, mark): (&str, Mark),
    ) -> Result<()> {
        if !figures_are_taken() {
            return Ok(());
        }
        let samples = load.since(std::time::Duration::ZERO).0;
        let of = |sample: &&Sample| sample.version.as_deref() == Some(version);
        let new = samples.iter().filter(of).cloned().collect();
        let figures = Figures { load, samples, new };
        let verdict = self.verdict().await?;
        let changes = self.changes(mark)?;
        let routes = changes.of("httproutes");
        let back = verdict.and_then(|verdict| {
            let after = |entry: &&Entry| entry.written > verdict;
            routes.iter().find(after).map(|entry| entry.written)
        });
        let row = [
            scenario.to_owned(),
            figures.samples.len().to_string(),
            figures.failed().to_string(),
            figures.new.len().to_string(),
            figures.share(),
            seconds(figures.first_bad(), figures.last()),
            seconds(verdict, figures.last()),
            seconds(verdict, back),
            changes.len().to_string(),
        ];
        let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
        noted.0.push(format!("| {} |", row.join(" | ")));
        Ok(())
    }

    /// When the newest rollout was told to go back.
    async fn verdict(&self) -> Result<Option<Timestamp>> {
        let releases = self.shop.releases().await?;
        let last = releases.last().context("there is no Release")?;
        let status = last.status.as_ref();
        let rollout = status.and_then(|status| status.rollout.as_ref());
        let records = rollout.map(|rollout| rollout.records.as_slice());
        let mut records = records.unwrap_or_default().iter();
        let back = [Event::Ending, Event::RollingBack];
        let ending = records.find(|record| back.contains(&record.event));
        Ok(ending.map(|record| record.at))
    }
}

impl Figures<'_> {
    fn failed(&self) -> usize {
        let failed = |sample: &&Sample| sample.status == 0 || sample.status >= 500;
        self.samples.iter().filter(failed).count()
    }

    /// The new version's part of all answers while it was there.
    fn share(&self) -> String {
        let (Some(first), Some(last)) = (
            self.new.iter().map(|sample| sample.at).min(),
            self.new.iter().map(|sample| sample.at).max(),
        ) else {
            return "–".to_owned();
        };
        let there = |sample: &&Sample| (first..=last).contains(&sample.at);
        let all = self.samples.iter().filter(there).count();
        format!("{} %", self.new.len() * 100 / all.max(1))
    }

    fn first_bad(&self) -> Option<Timestamp> {
        let bad = |sample: &&Sample| sample.status >= 500 || sample.took.as_secs_f64() > SLOW;
        let bad = self
            .new
            .iter()
            .filter(bad)
            .map(|sample| sample.at + sample.took);
        bad.min().map(|at| self.load.began() + at)
    }

    fn last(&self) -> Option<Timestamp> {
        let last = self.new.iter().map(|sample| sample.at).max()?;
        Some(self.load.began() + last)
    }
}

fn seconds(from: Option<Timestamp>, to: Option<Timestamp>) -> String {
    match (from, to) {
        (Some(from), Some(to)) => format!("{:.2} s", to.duration_since(from).as_secs_f64()),
        _ => "–".to_owned(),
    }
}
