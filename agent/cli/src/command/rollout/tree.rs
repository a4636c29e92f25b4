//! Revisions, their workloads, their pods: a tree in columns.

use anstyle::Style;
use jiff::Timestamp;

use super::pods::Seen;
use super::view::{Revision, View, Workload};
use crate::term::age::age;
use crate::term::table::{Cell, Table};
use crate::term::{cut, short, style};

/// Room that the other columns take: state, asked, achieved, age.
const OTHERS: usize = 40;

/// The table of `view`; at most `pods` of each workload, in `width` columns.
pub(super) fn table(view: &View, pods: usize, width: usize, now: Timestamp) -> Table {
    let mut table = Table::new(&[
        "REVISION, WORKLOAD, POD",
        "STATE",
        "ASKED",
        "ACHIEVED",
        "AGE",
    ]);
    let room = width.saturating_sub(OTHERS).max(24);
    for revision in &view.revisions {
        table.row(of_revision(revision, view.revisions.len() > 1, room));
        for (place, workload) in revision.workloads.iter().enumerate() {
            let last = place + 1 == revision.workloads.len();
            table.row(of_workload(workload, last, room));
            of_pods(&mut table, workload, last, (pods, room), now);
        }
    }
    table
}

fn of_revision(revision: &Revision, several: bool, room: usize) -> Vec<Cell> {
    let name = match &revision.commit {
        Some(commit) => format!(
            "{} {}: {}",
            short(&revision.id),
            commit.author,
            commit.subject
        ),
        None => short(&revision.id).to_owned(),
    };
    let (word, color) = match (revision.new, several) {
        (true, _) => ("new", style::WAIT),
        (false, true) => ("stable", style::GOOD),
        (false, false) => ("serves", style::GOOD),
    };
    vec![
        Cell::new(cut(&name, room), style::HEAD),
        Cell::new(word, color),
        percent(revision.asked).into(),
        "".into(),
    ]
}

fn of_workload(workload: &Workload, last: bool, room: usize) -> Vec<Cell> {
    let branch = if last { "└─" } else { "├─" };
    let color = match workload.ready >= workload.wanted {
        true => style::GOOD,
        false => style::WAIT,
    };
    vec![
        cut(&format!("{branch} {}", workload.object), room).into(),
        Cell::new(
            format!("{}/{} ready", workload.ready, workload.wanted),
            color,
        ),
        "".into(),
        percent(workload.achieved).into(),
    ]
}

/// Those with trouble first, since they are what people look for.
fn of_pods(
    table: &mut Table,
    workload: &Workload,
    last: bool,
    (most, room): (usize, usize),
    now: Timestamp,
) {
    let mut pods: Vec<&Seen> = workload.pods.iter().collect();
    pods.sort_by_key(|pod| (pod.ready, pod.name.clone()));
    let stem = if last { "   " } else { "│  " };
    // One that is left out would need a line to say so.
    let shown = if pods.len() > most {
        most.saturating_sub(1)
    } else {
        pods.len()
    };
    for (place, pod) in pods.iter().take(shown).enumerate() {
        let branch = if place + 1 == pods.len() {
            "└─"
        } else {
            "├─"
        };
        let (word, color) = state(pod);
        let since = pod.since.map(|since| age(since, now));
        table.row(vec![
            cut(&format!("{stem}{branch} {}", pod.name), room).into(),
            Cell::new(word, color),
            "".into(),
            "".into(),
            since.unwrap_or_default().into(),
        ]);
    }
    let rest = &pods[shown..];
    if !rest.is_empty() {
        let ready = rest.iter().filter(|pod| pod.ready).count();
        let text = format!("{stem}└─ {} more, {ready} ready", rest.len());
        table.row(vec![Cell::new(text, style::DIM)]);
    }
}

fn state(pod: &Seen) -> (String, Style) {
    let restarts = match pod.restarts {
        0 => String::new(),
        count => format!(" ({count}×)"),
    };
    match (pod.ready, pod.state.as_str()) {
        (true, word) => (format!("✓ {word}{restarts}"), style::GOOD),
        (
            false,
            word
            @ ("Pending" | "Running" | "Terminating" | "ContainerCreating" | "PodInitializing"),
        ) => (format!("… {word}{restarts}"), style::WAIT),
        (false, word) => (format!("✗ {word}{restarts}"), style::BAD),
    }
}

fn percent(share: Option<u8>) -> String {
    share.map(|share| format!("{share} %")).unwrap_or_default()
}
