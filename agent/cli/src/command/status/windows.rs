//! What `driftless status` says of windows: what waits, and when they open or close next.

use api::v1alpha1::{Environment, WaitingRevision};
use jiff::Timestamp;
use plan::windows::Gate;

use crate::term::short;

/// How many changes of a waiting revision are told.
const SHOWN: usize = 5;

/// The lines below an Environment that has windows.
pub(super) fn remarks(environment: &Environment, now: Timestamp) -> Vec<String> {
    let mut remarks = Vec::new();
    let spec = &environment.spec.windows;
    if !spec.is_empty()
        && let Ok(windows) = daemon::windows(spec)
    {
        remarks.push(gate(&windows.gate(now)));
    }
    if let Some(waiting) = environment
        .status
        .as_ref()
        .and_then(|status| status.waiting.as_ref())
    {
        waits(waiting, &mut remarks);
    }
    remarks
}

fn gate(gate: &Gate) -> String {
    match gate {
        Gate::Open { until: None } => "windows: open".to_owned(),
        Gate::Open { until: Some(until) } => format!("windows: open until {}", minute(*until)),
        Gate::Closed { opens: None, .. } => "windows: closed for more than a year".to_owned(),
        Gate::Closed {
            opens: Some(opens), ..
        } => format!("windows: closed until {}", minute(*opens)),
    }
}

fn waits(waiting: &WaitingRevision, remarks: &mut Vec<String>) {
    let revision = short(&waiting.revision);
    remarks.push(format!("{revision} will change {} objects", waiting.count));
    for change in waiting.changes.iter().take(SHOWN) {
        remarks.push(format!("  {} {}", change.action.as_str(), change.object));
    }
    let more = (waiting.count as usize).saturating_sub(SHOWN);
    if more > 0 {
        remarks.push(format!("  and {more} more"));
    }
}

/// `2026-11-23 07:00 UTC`
fn minute(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
