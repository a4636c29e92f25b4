//! Numbers and decisions of a rollout, in columns.

use api::v1alpha1::MetricState;
use jiff::Timestamp;
use rollout::judge::{Decision, Verdict, plain};
use rollout::wish::{Event, Record};

use crate::term::age::age;
use crate::term::spark::{Limit, spark};
use crate::term::table::{Cell, Table};
use crate::term::{cut, style};

/// Columns of a limit; with a name, a number and thirty bars that makes a line.
const LIMIT: usize = 26;

/// Each metric with its last number, its limit, and the numbers before.
pub(in crate::command) fn metrics(metrics: &[MetricState]) -> Table {
    let mut table = Table::new(&["METRIC", "LAST", "LIMIT", "NUMBERS"]);
    for metric in metrics {
        let last = &metric.last;
        let (sign, color) = match last.verdict {
            Verdict::Good => ('✓', style::GOOD),
            Verdict::Bad => ('✗', style::BAD),
            Verdict::Missing => ('?', style::WAIT),
        };
        let limit = match last.bound {
            Some(bound) if !last.limit.contains(&plain(bound)) => {
                format!("{} = {}", last.limit, plain(bound))
            }
            _ => last.limit.clone(),
        };
        table.row(vec![
            Cell::new(format!("{sign} {}", last.metric), color),
            last.number.map_or_else(|| "-".to_owned(), plain).into(),
            cut(&limit, LIMIT).into(),
            Cell::new(spark(&metric.recent, side(last)), color),
        ]);
        if last.verdict == Verdict::Missing {
            table.remark(&last.why, style::WAIT);
        }
    }
    table
}

/// On which side of its limit a number is well follows from the last verdict.
fn side(last: &Decision) -> Limit {
    match (last.bound, last.number) {
        (Some(bound), Some(number)) => {
            let is_bad = last.verdict == Verdict::Bad;
            match (number > bound) == is_bad {
                true => Limit::Most(bound),
                false => Limit::Least(bound),
            }
        }
        (Some(bound), None) => Limit::Most(bound),
        (None, _) => Limit::None,
    }
}

/// What was decided, when and by whom; in `width` columns.
pub(in crate::command) fn records(records: &[&Record], width: usize, now: Timestamp) -> Table {
    let mut table = Table::new(&["AGO", "DECISION", "WHAT"]);
    for record in records {
        let by = record.by.as_ref().map(|by| format!(" (by {by})"));
        let text = format!("{}{}", record.message, by.unwrap_or_default());
        let color = match record.event {
            Event::Ending | Event::RollingBack => style::BAD,
            Event::Promoted => style::GOOD,
            _ => style::PLAIN,
        };
        table.row(vec![
            age(record.at, now).into(),
            Cell::new(format!("{:?}", record.event), color),
            cut(&text, width.saturating_sub(22)).into(),
        ]);
    }
    table
}
