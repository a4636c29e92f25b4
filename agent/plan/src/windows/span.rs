//! When one window is open: its openings as moments, and the stretches they make.

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime},
    tz::AmbiguousOffset,
};

use super::{HORIZON, Window, cron::Cron};

/// How many days ahead openings are looked for: eight years hold a 29th of February at least.
const DAYS: i64 = 8 * 366;

/// A stretch of time, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

impl Window {
    /// The stretch that is open at `at`, or else the next one. Stretches that touch are one.
    pub(super) fn span(&self, at: Timestamp) -> Option<Span> {
        let earliest = at.checked_sub(self.duration).ok()?;
        let mut day = self.zone.to_datetime(earliest).date().yesterday().ok()?;
        let mut span: Option<Span> = None;
        for _ in 0..DAYS {
            for Span { start, end } in self.stretches(day) {
                match &mut span {
                    Some(open) if start <= open.end => open.end = open.end.max(end),
                    Some(open) if open.end > at => return span,
                    _ => span = Some(Span { start, end }),
                }
            }
            if span.is_some_and(|span| span.is_past(at)) {
                return span;
            }
            day = day.tomorrow().ok()?;
        }
        span.filter(|span| span.end > at)
    }

    /// The stretches that begin on a day, in order.
    fn stretches(&self, day: Date) -> Vec<Span> {
        if !self.cron.has_day(day) {
            return Vec::new();
        }
        let from = |start: Timestamp, last: Timestamp| {
            let end = last.checked_add(self.duration).ok()?;
            Some(Span { start, end })
        };
        let stretches = if let Some(midnight) = self.midnight(day) {
            let at = |minute: i64| midnight + SignedDuration::from_mins(minute);
            let runs = self.runs.iter();
            runs.map(|run| from(at(run.0), at(run.1))).collect()
        } else {
            let openings = self.openings(day).into_iter();
            openings.map(|start| from(start, start)).collect()
        };
        Option::unwrap_or_default(stretches)
    }

    /// When a day begins, if it has 24 hours: then all its times are as far from that as they say.
    fn midnight(&self, day: Date) -> Option<Timestamp> {
        let begin = |day: Date| self.zone.to_timestamp(day.at(0, 0, 0, 0)).ok();
        let (begin, end) = (begin(day)?, begin(day.tomorrow().ok()?)?);
        (end.duration_since(begin) == SignedDuration::from_hours(24)).then_some(begin)
    }

    /// The moments of a day at which it opens, in order. Where the clocks show a time twice, it opens twice;
    /// a time they skip is the moment of the skip.
    fn openings(&self, day: Date) -> Vec<Timestamp> {
        let times = self.cron.times();
        let times = times.map(|(hour, minute)| day.at(hour, minute, 0, 0));
        let mut moments: Vec<_> = times.flat_map(|time| self.moments(time)).collect();
        moments.sort_unstable();
        moments
    }

    fn moments(&self, time: DateTime) -> Vec<Timestamp> {
        let moment = |offset: jiff::tz::Offset| offset.to_timestamp(time).ok();
        let moments = match self.zone.to_ambiguous_timestamp(time).offset() {
            AmbiguousOffset::Unambiguous { offset } => [moment(offset), None],
            AmbiguousOffset::Fold { before, after } => [moment(before), moment(after)],
            AmbiguousOffset::Gap { after, .. } => {
                [moment(after).map(|early| self.skip(early)), None]
            }
        };
        moments.into_iter().flatten().collect()
    }

    /// The next moment at which the clocks are changed.
    fn skip(&self, before: Timestamp) -> Timestamp {
        let next = self.zone.following(before).next();
        next.map_or(before, |change| change.timestamp())
    }
}

impl Span {
    /// True if it is known long enough: it lasts for more than anybody looks ahead, or what comes is another day's.
    fn is_past(&self, at: Timestamp) -> bool {
        self.end.duration_since(at) > HORIZON + SignedDuration::from_hours(24)
    }
}

/// The first and last opening, in minutes since midnight, of each stretch of a day without a change of the clocks.
pub(super) fn runs(cron: &Cron, duration: SignedDuration) -> Vec<(i64, i64)> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for (hour, minute) in cron.times() {
        let opens = i64::from(hour) * 60 + i64::from(minute);
        match runs.last_mut() {
            Some((_, last)) if SignedDuration::from_mins(opens - *last) <= duration => {
                *last = opens;
            }
            _ => runs.push((opens, opens)),
        }
    }
    runs
}
