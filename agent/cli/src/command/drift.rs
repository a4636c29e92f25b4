//! `driftless drift`: who changed which field when, and what was done about it.

mod audit;

use std::io::Write as _;

use api::v1alpha1::{DriftAction, DriftEntry, Environment, ForeignEntry, ForeignStatus};
use jiff::Timestamp;
use kube::ResourceExt as _;
use serde::Serialize;

use crate::args::Drift;
use crate::connect::connect;
use crate::context::Context;
use crate::environments;
use crate::error::{Exit, Failure};
use crate::term::age::age;
use crate::term::style;
use crate::term::table::{Cell, Table};

/// The answer for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    environments: Vec<Found>,
}

/// The drift of one Environment.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    namespace: String,
    name: String,
    /// How many objects differ now.
    count: u32,
    entries: Vec<DriftEntry>,
    /// Fields that people have added and git does not mention.
    foreign: ForeignStatus,
}

/// Shows it.
pub(super) async fn run(args: &Drift, context: &Context) -> Result<Exit, Failure> {
    let link = connect(context).await?;
    if let (true, Some(name)) = (args.audit, &args.name) {
        return audit::run(name, &link, context).await;
    }
    let names: Vec<String> = args.name.iter().cloned().collect();
    let environments = environments::list(&link, args.all_namespaces, &names).await?;
    let answer = Answer {
        environments: environments.iter().map(found).collect(),
    };
    if !context.print(&answer)? {
        print(&answer, context)?;
    }
    Ok(
        match answer.environments.iter().all(|found| found.count == 0) {
            true => Exit::Good,
            false => Exit::Difference,
        },
    )
}

fn found(environment: &Environment) -> Found {
    let status = environment.status.clone().unwrap_or_default();
    let drift = status.drift;
    Found {
        foreign: status.foreign,
        namespace: environment.namespace().unwrap_or_default(),
        name: environment.name_any(),
        count: drift.count,
        entries: drift.entries,
    }
}

fn print(answer: &Answer, context: &Context) -> Result<(), Failure> {
    let mut table = Table::new(&[
        "ENVIRONMENT",
        "OBJECT",
        "FIELD",
        "CHANGED BY",
        "AGE",
        "ACTION",
    ]);
    let mut empty = true;
    for found in &answer.environments {
        for entry in &found.entries {
            table.row(cells(&found.name, entry, context.now()));
            empty = false;
        }
        for entry in &found.foreign.entries {
            table.row(added(&found.name, entry, context.now()));
            empty = false;
        }
    }
    let differing: u32 = answer.environments.iter().map(|found| found.count).sum();
    if !empty {
        table.write(&mut context.out())?;
    }
    let foreign: u32 = answer
        .environments
        .iter()
        .map(|found| found.foreign.count)
        .sum();
    match foreign {
        0 => {}
        1 => writeln!(
            context.talk(),
            "1 field was added by hand; git does not mention it"
        )?,
        more => writeln!(
            context.talk(),
            "{more} fields were added by hand; git does not mention them"
        )?,
    }
    match differing {
        0 => writeln!(context.talk(), "nothing differs now")?,
        1 => writeln!(context.talk(), "1 object differs now")?,
        more => writeln!(context.talk(), "{more} objects differ now")?,
    }
    Ok(())
}

fn cells(name: &str, entry: &DriftEntry, now: Timestamp) -> Vec<Cell> {
    let (action, color) = match entry.action {
        DriftAction::Repaired => ("✓ Repaired", style::GOOD),
        DriftAction::Removed => ("✓ Removed", style::GOOD),
        DriftAction::Reported => ("! Reported", style::WAIT),
        DriftAction::Failed => ("✗ Failed", style::BAD),
    };
    let time = entry
        .time
        .as_ref()
        .map_or_else(|| "-".to_owned(), |time| age(time.0, now));
    vec![
        Cell::new(name, style::HEAD),
        entry.object.clone().into(),
        entry.field.as_deref().unwrap_or("(deleted)").into(),
        entry.manager.as_deref().unwrap_or("-").into(),
        time.into(),
        Cell::new(action, color),
    ]
}

/// A field that somebody has added, and that is still there.
fn added(name: &str, entry: &ForeignEntry, now: Timestamp) -> Vec<Cell> {
    let time = entry.time.as_ref();
    vec![
        Cell::new(name, style::HEAD),
        entry.object.clone().into(),
        entry.field.clone().into(),
        entry.manager.clone().into(),
        time.map_or_else(|| "-".to_owned(), |time| age(time.0, now))
            .into(),
        Cell::new("+ Added", style::WAIT),
    ]
}
