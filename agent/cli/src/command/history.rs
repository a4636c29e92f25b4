//! `driftless history`: the Releases of an Environment, newest first, or one of them in detail.

mod detail;

use std::io::Write as _;

use anstyle::Style;
use api::v1alpha1::{Counts, Phase, Release, ReleaseStatus, RolloutPhase};
use jiff::Timestamp;
use serde::Serialize;

use crate::args::History;
use crate::connect::connect;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::releases;
use crate::term::age::{age, took};
use crate::term::table::{Cell, Table};
use crate::term::{short, style};

/// The answer for programs.
#[derive(Serialize)]
struct Answer<'a> {
    releases: &'a [Release],
}

/// Shows them.
pub(super) async fn run(args: &History, context: &Context) -> Result<Exit, Failure> {
    let link = connect(context).await?;
    let mut found = releases::of(&link, &args.name).await?;
    if let Some(wanted) = &args.release {
        let release = releases::find(&found, &args.name, wanted)?;
        if !context.print(release)? {
            detail::print(release, context)?;
        }
        return Ok(Exit::Good);
    }
    found.truncate(args.limit);
    if !context.print(&Answer { releases: &found })? {
        match found.is_empty() {
            true => writeln!(
                context.talk(),
                "Environment `{}` has no Releases yet",
                args.name
            )?,
            false => table(&found, context.now()).write(&mut context.out())?,
        }
    }
    Ok(Exit::Good)
}

fn table(releases: &[Release], now: Timestamp) -> Table {
    let mut table = Table::new(&[
        "RELEASE", "REVISION", "PHASE", "CHANGES", "TOOK", "AGE", "AUTHOR", "SUBJECT",
    ]);
    for release in releases {
        let status = release.status.clone().unwrap_or_default();
        let (phase, color) = phase(&status);
        let started = status.started_at.as_ref().map(|time| time.0);
        table.row(vec![
            Cell::new(release.spec.number.to_string(), style::HEAD),
            short(&release.spec.revision).into(),
            Cell::new(phase, color),
            changes(status.counts).into(),
            duration(release).into(),
            started
                .map_or_else(|| "-".to_owned(), |then| age(then, now))
                .into(),
            release.spec.commit.author.clone().into(),
            release.spec.commit.subject.clone().into(),
        ]);
    }
    table
}

/// The word for a phase with its sign, and its colour.
fn phase(status: &ReleaseStatus) -> (String, Style) {
    let rollout = status.rollout.as_ref();
    let (word, color) = match (status.phase, rollout.map(|rollout| rollout.phase)) {
        (Some(Phase::Failed), Some(RolloutPhase::Held)) => ("✗ Rejected", style::BAD),
        (Some(Phase::Progressing), Some(moves)) if !is_settled(moves) => {
            let share = rollout.map_or(0, |rollout| rollout.weight);
            return (format!("… {} {share} %", moves.as_str()), style::WAIT);
        }
        (Some(Phase::Progressing), _) => ("… Progressing", style::WAIT),
        (Some(Phase::Healthy), _) => ("✓ Healthy", style::GOOD),
        (Some(Phase::Degraded), _) => ("✗ Degraded", style::BAD),
        (Some(Phase::Failed), _) => ("✗ Failed", style::BAD),
        (Some(Phase::Superseded), _) => ("» Superseded", style::DIM),
        (None, _) => ("? Unknown", style::WAIT),
    };
    (word.to_owned(), color)
}

const fn is_settled(phase: RolloutPhase) -> bool {
    matches!(phase, RolloutPhase::Settled | RolloutPhase::Held)
}

/// `+3 ~2 -1`, and `!1` for what failed; `none` where nothing had to be changed.
fn changes(counts: Counts) -> String {
    let parts: Vec<String> = [
        ('+', counts.created),
        ('~', counts.updated),
        ('-', counts.deleted),
        ('!', counts.failed),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(|(sign, count)| format!("{sign}{count}"))
    .collect();
    match parts.is_empty() {
        true => "none".to_owned(),
        false => parts.join(" "),
    }
}

/// From the start to the end, of a release that has ended.
fn duration(release: &Release) -> String {
    let status = release.status.as_ref();
    let started = status.and_then(|status| status.started_at.as_ref());
    let ended = status.and_then(|status| status.ended_at.as_ref());
    match (started, ended) {
        (Some(start), Some(end)) => {
            let millis = end.0.as_millisecond() - start.0.as_millisecond();
            took(u64::try_from(millis).unwrap_or_default())
        }
        _ => "-".to_owned(),
    }
}
