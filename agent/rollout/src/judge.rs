//! Numbers into verdicts.
//!
//! A number that is missing, for whatever reason, is [`Verdict::Missing`]: never good, never bad. Every judgement is a
//! [`Decision`] that says what was asked, what came back, what the limit was and why.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::strategy::{Compare, Metric};

pub mod condition;
pub mod query;

/// What came back for one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What was asked, as it was sent.
    pub query: String,
    /// The answer.
    pub answer: Result<Numbers, Missing>,
    /// The last lines that a Job said.
    pub log: Vec<String>,
}

/// The numbers of both versions over the same window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Numbers {
    /// The new version's.
    pub canary: f64,
    /// The old version's, if it was asked for.
    pub stable: Option<f64>,
    /// Requests of the new version in the window, if they were counted.
    pub canary_samples: Option<f64>,
    /// Requests of the old version in the window, if they were counted.
    pub stable_samples: Option<f64>,
}

/// Why there is no number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The query has no result.
    Empty,
    /// The result is older than the window.
    Stale,
    /// No answer in time.
    Timeout,
    /// The server said no, or something else went wrong.
    Error(String),
}

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Verdict {
    /// Within every limit.
    Good,
    /// Beyond one.
    Bad,
    /// There is no number that means anything.
    Missing,
}

/// One judgement, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The metric.
    pub metric: String,
    /// What was asked.
    pub query: String,
    /// The new version's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<f64>,
    /// The limit it was held against, as people read it: `at most 0.01`.
    pub limit: String,
    /// That limit as a number, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<f64>,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What it means.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub why: String,
    /// What a Job said: its last 20 lines at most, and the very last where it was good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

/// Judges what came back for `metric` at `at`.
pub fn judge(metric: &Metric, reading: &Reading, at: Timestamp) -> Decision {
    let judged = match &reading.answer {
        Ok(numbers) => weigh(metric, numbers),
        Err(missing) => Judged::missing(missing.to_string()),
    };
    let number = reading.answer.as_ref().ok().map(|numbers| numbers.canary);
    Decision {
        metric: metric.name.clone(),
        query: reading.query.clone(),
        number: number.filter(|number| number.is_finite()),
        limit: judged.limit.unwrap_or_else(|| limits(metric)),
        bound: judged.bound.or_else(|| bound(metric, reading)),
        at,
        log: told(&reading.log, judged.verdict),
        verdict: judged.verdict,
        why: judged.why,
    }
}

/// What is kept of a log: what is good needs few words, and there are many of it.
fn told(log: &[String], verdict: Verdict) -> Vec<String> {
    let from = match verdict {
        Verdict::Good => log.len().saturating_sub(1),
        Verdict::Bad | Verdict::Missing => 0,
    };
    log[from..].to_vec()
}

struct Judged {
    verdict: Verdict,
    why: String,
    limit: Option<String>,
    bound: Option<f64>,
}

impl Judged {
    fn missing(why: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Missing,
            why: why.into(),
            limit: None,
            bound: None,
        }
    }

    fn bad(why: String, limit: String, bound: Option<f64>) -> Self {
        Self {
            verdict: Verdict::Bad,
            why,
            limit: Some(limit),
            bound,
        }
    }
}

fn weigh(metric: &Metric, numbers: &Numbers) -> Judged {
    if let Some(why) = unusable(metric, numbers) {
        return Judged::missing(why);
    }
    let canary = numbers.canary;
    if let Some(max) = metric.max.filter(|max| canary > *max) {
        return Judged::bad(
            format!("{} is above {}", plain(canary), plain(max)),
            format!("at most {}", plain(max)),
            Some(max),
        );
    }
    if let Some(min) = metric.least().filter(|min| canary < *min) {
        return Judged::bad(
            format!("{} is below {}", plain(canary), plain(min)),
            format!("at least {}", plain(min)),
            Some(min),
        );
    }
    if let (Some(compare), Some(stable)) = (&metric.compare, numbers.stable)
        && let Some(bad) = compare.against(canary, stable)
    {
        return bad;
    }
    match metric
        .condition
        .as_deref()
        .map(|text| condition::holds(text, numbers))
    {
        Some(Ok(false)) => Judged::bad(
            format!("the condition does not hold for {}", plain(canary)),
            limits(metric),
            None,
        ),
        Some(Err(error)) => Judged::missing(error.to_string()),
        Some(Ok(true)) | None => Judged {
            verdict: Verdict::Good,
            why: format!("{} is within the limits", plain(canary)),
            limit: None,
            bound: None,
        },
    }
}

/// Why these numbers say nothing, if they do not.
fn unusable(metric: &Metric, numbers: &Numbers) -> Option<String> {
    if !numbers.canary.is_finite() {
        return Some("the new version's number is not a number".to_owned());
    }
    if metric.compares() {
        match numbers.stable {
            None => return Some("the old version has no number to compare with".to_owned()),
            Some(stable) if !stable.is_finite() => {
                return Some("the old version's number is not a number".to_owned());
            }
            Some(_) => {}
        }
    }
    let needed = f64::from(metric.min_samples);
    if metric.min_samples == 0 {
        return None;
    }
    let mut counts = vec![("new", numbers.canary_samples)];
    if metric.compares() {
        counts.push(("old", numbers.stable_samples));
    }
    counts.into_iter().find_map(|(version, count)| match count {
        Some(count) if count >= needed => None,
        Some(count) => Some(format!(
            "the {version} version had {} requests in the window; {} are needed",
            plain(count),
            metric.min_samples
        )),
        None => Some(format!("the {version} version's requests were not counted")),
    })
}

impl Compare {
    fn limit(&self, stable: f64) -> f64 {
        match self.higher_is_better {
            false => stable * self.ratio + self.margin,
            true => stable * self.ratio - self.margin,
        }
    }

    fn against(&self, canary: f64, stable: f64) -> Option<Judged> {
        let limit = self.limit(stable);
        let bad = match self.higher_is_better {
            // A limit that is no number is never kept to.
            false => canary > limit || limit.is_nan(),
            true => canary < limit || limit.is_nan(),
        };
        let (side, word) = match self.higher_is_better {
            false => ("above", "at most"),
            true => ("below", "at least"),
        };
        bad.then(|| {
            Judged::bad(
                format!(
                    "{} is {side} {}, where the old version has {}",
                    plain(canary),
                    plain(limit),
                    plain(stable)
                ),
                format!("{word} {}", plain(limit)),
                Some(limit).filter(|limit| limit.is_finite()),
            )
        })
    }
}

/// The nearest limit from above, else from below.
fn bound(metric: &Metric, reading: &Reading) -> Option<f64> {
    let stable = reading.answer.as_ref().ok().and_then(|one| one.stable);
    let compared = |higher: bool| {
        let compare = metric.compare.as_ref();
        let compare = compare.filter(|compare| compare.higher_is_better == higher);
        Some(compare?.limit(stable?)).filter(|limit| limit.is_finite())
    };
    let most = metric.max.into_iter().chain(compared(false));
    let least = metric.least().into_iter().chain(compared(true));
    most.reduce(f64::min).or_else(|| least.reduce(f64::max))
}

/// Every limit of `metric` as people read it.
fn limits(metric: &Metric) -> String {
    let mut all = Vec::new();
    all.extend(metric.max.map(|max| format!("at most {}", plain(max))));
    all.extend(metric.least().map(|min| format!("at least {}", plain(min))));
    all.extend(metric.compare.as_ref().map(|compare| {
        let sign = if compare.higher_is_better { '-' } else { '+' };
        format!(
            "{} times the old version's {sign} {}",
            plain(compare.ratio),
            plain(compare.margin)
        )
    }));
    all.extend(metric.condition.clone());
    all.join("; ")
}

/// A number with four digits that count: `0.0713`, `42`, `1204`.
pub fn plain(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return format!("{number}");
    }
    let magnitude = number.abs().log10().floor();
    let digits = (3.0 - magnitude).clamp(0.0, 9.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=9"
    )]
    let text = format!("{number:.*}", digits as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the query has no result"),
            Self::Stale => f.write_str("the newest result is too old"),
            Self::Timeout => f.write_str("there was no answer in time"),
            Self::Error(error) => f.write_str(error),
        }
    }
}
