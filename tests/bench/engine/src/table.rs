//! Plain text tables and the numbers in them. Knows nothing of what is measured.

use std::{fmt, time::Duration};

/// A table with a heading.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    pub(crate) fn new<const N: usize>(title: &str, columns: [&str; N]) -> Self {
        Self {
            title: title.to_owned(),
            rows: vec![columns.map(str::to_owned).to_vec()],
        }
    }

    /// One more line.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                write!(f, "  {cell:>width$}", width = width(column))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// The value that `percent` of all are not above; nothing of nothing.
pub(crate) fn percentile(all: &[Duration], percent: usize) -> Duration {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// `1234 ms`.
pub(crate) fn millis(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

/// `12.3 MB`.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10)
}

/// `12.3` of seconds.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64())
}

/// `12 kB`.
pub(crate) fn kilobytes(bytes: usize) -> String {
    format!("{} kB", bytes.div_ceil(1_000))
}

/// How many of `count` a second has room for.
pub(crate) fn per_second(count: usize, time: Duration) -> String {
    let time = time.as_micros().max(1);
    (count as u128 * 1_000_000 / time).to_string()
}

/// The share of one of `count`, in microseconds.
pub(crate) fn micros(time: Duration, count: usize) -> String {
    (time.as_micros() / (count.max(1) as u128)).to_string()
}
