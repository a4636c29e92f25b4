//! The lines of `driftless status`.

use anstyle::Style;
use api::v1alpha1::{Environment, Health, RolloutPhase};
use jiff::Timestamp;

use super::windows;
use crate::environments::{self, RolloutSummary, Standing, Summary};
use crate::term::age::age;
use crate::term::table::{Cell, Table};
use crate::term::{short, style};

/// How many of the failures are told; `history` tells the rest.
const FAILURES_SHOWN: usize = 5;

/// The table of `found`.
pub(super) fn table(found: &[Environment], namespaces: bool, now: Timestamp) -> Table {
    let mut head = vec![
        "NAME", "STATE", "BRANCH", "REVISION", "RELEASE", "HEALTH", "DRIFT", "AGE",
    ];
    if namespaces {
        head.insert(0, "NAMESPACE");
    }
    let mut table = Table::new(&head);
    for environment in found {
        let summary = environments::summary(environment);
        let mut row = cells(&summary, now);
        if namespaces {
            row.insert(0, summary.namespace.clone().into());
        }
        table.row(row);
        remarks(&mut table, environment, &summary);
        for remark in windows::remarks(environment, now) {
            table.remark(&remark, style::DIM);
        }
    }
    table
}

/// The word for a standing with its sign, and its colour.
pub(super) fn state(standing: Standing) -> (&'static str, Style) {
    match standing {
        Standing::Ready => ("✓ Ready", style::GOOD),
        Standing::Progressing => ("… Progressing", style::WAIT),
        Standing::RollingOut => ("… RollingOut", style::WAIT),
        Standing::Waiting => ("◷ Waiting", style::WAIT),
        Standing::Held => ("✗ Held", style::BAD),
        Standing::Suspended => ("‖ Suspended", style::WAIT),
        Standing::Failed => ("✗ Failed", style::BAD),
        Standing::Unknown => ("? Unknown", style::WAIT),
    }
}

fn cells(summary: &Summary, now: Timestamp) -> Vec<Cell> {
    let (state, color) = state(summary.standing);
    let alarm = match summary.drift {
        0 => style::PLAIN,
        _ => style::BAD,
    };
    vec![
        Cell::new(&summary.name, style::HEAD),
        Cell::new(state, color),
        summary.branch.clone().into(),
        revision(summary).into(),
        summary.release.clone().unwrap_or_else(nothing).into(),
        summary.health.map_or_else(|| nothing().into(), health),
        Cell::new(summary.drift.to_string(), alarm),
        summary
            .since
            .map_or_else(nothing, |since| age(since, now))
            .into(),
    ]
}

fn nothing() -> String {
    "-".to_owned()
}

/// `4f2c1aa`, or `4f2c1aa → 9d01b3e` while a newer one is on its way, or `4f2c1aa ✗ 9d01b3e` where it was rejected.
fn revision(summary: &Summary) -> String {
    let sign = match summary.standing {
        Standing::Held => '✗',
        _ => '→',
    };
    match (summary.applied.as_deref(), summary.seen.as_deref()) {
        (Some(applied), Some(seen)) if applied != seen => {
            format!("{} {sign} {}", short(applied), short(seen))
        }
        (Some(applied), _) => short(applied).to_owned(),
        (None, Some(seen)) => format!("→ {}", short(seen)),
        (None, None) => nothing(),
    }
}

fn health(health: Health) -> Cell {
    let color = match health {
        Health::Healthy => style::GOOD,
        Health::Suspended | Health::Progressing => style::WAIT,
        Health::Missing | Health::Degraded | Health::Unknown => style::BAD,
    };
    Cell::new(health.as_str(), color)
}

/// Why it is not well, and what to do.
fn remarks(table: &mut Table, environment: &Environment, summary: &Summary) {
    why(table, summary);
    let status = environment.status.clone().unwrap_or_default();
    for failure in status.failures.iter().take(FAILURES_SHOWN) {
        table.remark(&environments::told(failure), style::PLAIN);
    }
    if status.failures.len() > FAILURES_SHOWN {
        let more = status.failures.len() - FAILURES_SHOWN;
        table.remark(&format!("and {more} more"), style::DIM);
    }
    for leaving in status.leaving.iter().take(FAILURES_SHOWN) {
        let text = format!("going: {}: {}", leaving.object, leaving.message);
        table.remark(&text, style::WAIT);
    }
    if let Some(pending) = &status.pending {
        let Summary {
            name, namespace, ..
        } = summary;
        let text = format!("waiting for approval: {}", pending.message);
        table.remark(&text, style::WAIT);
        table.remark(
            &format!("see `driftless approve {name} -n {namespace}`"),
            style::DIM,
        );
    }
    if let Some(rollout) = summary.rollout.as_ref().filter(|one| is_worth_a_look(one)) {
        if rollout.phase == RolloutPhase::Baking {
            table.remark(&format!("promoted; {}", rollout.message), style::PLAIN);
        }
        let Summary {
            name, namespace, ..
        } = summary;
        let command = format!("see `driftless rollout {name} -n {namespace}`");
        table.remark(&command, style::DIM);
    }
    if summary.drift > 0 {
        let command = format!(
            "see `driftless drift {} -n {}`",
            summary.name, summary.namespace
        );
        table.remark(&command, style::DIM);
    }
}

fn is_worth_a_look(rollout: &RolloutSummary) -> bool {
    rollout.phase != RolloutPhase::Settled
}

fn why(table: &mut Table, summary: &Summary) {
    let Summary {
        name, namespace, ..
    } = summary;
    match summary.standing {
        Standing::Ready => {}
        Standing::Suspended => {
            table.remark(
                &format!("go on with `driftless resume {name} -n {namespace}`"),
                style::DIM,
            );
        }
        Standing::Unknown => {
            table.remark(
                "no word from the agent about this spec yet; is it running?",
                style::DIM,
            );
        }
        Standing::Progressing
        | Standing::RollingOut
        | Standing::Waiting
        | Standing::Held
        | Standing::Failed => {
            if let (Some(reason), Some(message)) = (&summary.reason, &summary.message) {
                table.remark(&format!("{reason}: {message}"), state(summary.standing).1);
            }
        }
    }
}
