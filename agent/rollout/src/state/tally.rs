//! How the samples of one metric came out, and what of that outlives a restart.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How the samples of a metric came out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Tally {
    /// Good ones since the step was reached. Forgotten by a restart, unless `kept`.
    pub good: u32,
    /// Bad ones.
    pub bad: u32,
    /// When the last one was taken. Forgotten by a restart, unless `kept`.
    pub last: Option<Timestamp>,
    /// Since when samples are expected of whoever takes them now. Forgotten by a restart.
    pub expected: Option<Timestamp>,
    /// Since when there is none that means anything.
    pub missing: Option<Timestamp>,
    /// Why there is none.
    pub why: String,
    /// True where each sample is a Job: a restart neither runs one again for a number that was good, nor counts one
    /// twice that was bad.
    pub kept: bool,
}

/// What is stored of it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    #[serde(default)]
    bad: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    why: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept: Option<Kept>,
}

/// What is stored where samples are dear.
#[derive(Serialize, Deserialize)]
struct Kept {
    good: u32,
    last: Timestamp,
}

impl Tally {
    /// As after a restart.
    pub(crate) fn begin_anew(&mut self) {
        *self = Self::from(Stored::from(std::mem::take(self)));
    }
}

impl From<Tally> for Stored {
    fn from(tally: Tally) -> Self {
        let good = tally.good;
        let kept = tally.last.filter(|_| tally.kept);
        Self {
            bad: tally.bad,
            missing: tally.missing,
            why: tally.why,
            kept: kept.map(|last| Kept { good, last }),
        }
    }
}

impl From<Stored> for Tally {
    fn from(stored: Stored) -> Self {
        let kept = stored.kept;
        Self {
            good: kept.as_ref().map_or(0, |kept| kept.good),
            bad: stored.bad,
            last: kept.as_ref().map(|kept| kept.last),
            expected: None,
            missing: stored.missing,
            why: stored.why,
            kept: kept.is_some(),
        }
    }
}
