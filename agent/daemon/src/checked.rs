//! What a run of an HTTP check found: made by who asks, counted by the metrics.

use std::time::Duration;

/// What one run found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    /// What is wrong; nothing if all is as expected.
    pub(crate) fault: Option<String>,
    /// False if the check could not be made at all, so that nothing is known.
    pub(crate) asked: bool,
    pub(crate) took: Duration,
    pub(crate) certificate_days: Option<i64>,
}
