//! `driftless drift`: who changed which field when, and what was done about it.

use std::io::Write as _;

use api::v1alpha1::{DriftAction, DriftEntry, Environment};
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
}

/// Shows it.
pub(super) async fn run(args: &Drift, context: &Context) -> Result<Exit, Failure> {
    let link = connect(context).await?;
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
    let drift = environment
        .status
        .as_ref()
        .map(|status| status.drift.clone())
        .unwrap_or_default();
    Found {
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
    }
    let differing: u32 = answer.environments.iter().map(|found| found.count).sum();
    if !empty {
        table.write(&mut context.out())?;
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
