//! Plain dates and times: which texts Go takes for one, and what it makes of them.

use std::fmt::Write;

/// A date, a time of day and an offset, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timestamp {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    nanos: u32,
    offset_minutes: i32,
}

/// Whether `text` is a timestamp for go-yaml, and which.
///
/// Months, days and so on may have one digit, and the time may follow after `T`, `t` or blanks; only the first
/// two need, and allow, a zone.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if bytes.len() < 6 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return None;
    }
    let mut rest = &text[5..];
    let year = text[..4].parse().ok()?;
    let month = number(&mut rest).filter(|month| (1..=12).contains(month))?;
    rest = rest.strip_prefix('-')?;
    let day = number(&mut rest).filter(|day| (1..=days_in(year, month)).contains(day))?;
    let date = Timestamp {
        year,
        month,
        day,
        hour: 0,
        minute: 0,
        second: 0,
        nanos: 0,
        offset_minutes: 0,
    };
    if rest.is_empty() {
        return Some(date);
    }
    if let Some(time) = rest.strip_prefix(['T', 't']) {
        return with_time(date, time, true);
    }
    let time = rest.trim_start_matches(' ');
    (time.len() < rest.len())
        .then(|| with_time(date, time, false))
        .flatten()
}

impl Timestamp {
    /// RFC 3339 as Go's `time.Time` prints it into JSON, which refuses zones of a day or more.
    pub(crate) fn rfc3339(&self) -> Option<String> {
        let mut out = format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            self.year, self.month, self.day, self.hour, self.minute, self.second
        );
        if self.nanos > 0 {
            let nanos = format!(".{:09}", self.nanos);
            out.push_str(nanos.trim_end_matches('0'));
        }
        match self.offset_minutes {
            0 => out.push('Z'),
            minutes => {
                let sign = if minutes < 0 { '-' } else { '+' };
                let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
                if hours >= 24 {
                    return None;
                }
                write!(out, "{sign}{hours:02}:{rest:02}").ok()?;
            }
        }
        Some(out)
    }
}

fn with_time(date: Timestamp, text: &str, zoned: bool) -> Option<Timestamp> {
    let mut rest = text;
    let hour = number(&mut rest).filter(|hour| *hour < 24)?;
    rest = rest.strip_prefix(':')?;
    let minute = number(&mut rest).filter(|minute| *minute < 60)?;
    rest = rest.strip_prefix(':')?;
    let second = number(&mut rest).filter(|second| *second < 60)?;
    let nanos = fraction(&mut rest);
    let offset_minutes = match zoned {
        true => zone(rest)?,
        false if rest.is_empty() => 0,
        false => return None,
    };
    Some(Timestamp {
        hour,
        minute,
        second,
        nanos,
        offset_minutes,
        ..date
    })
}

/// Takes one or two digits off the front.
fn number(rest: &mut &str) -> Option<u32> {
    let digits = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (number, tail) = rest.split_at(digits);
    *rest = tail;
    number.parse().ok()
}

/// Takes a point or comma with digits off the front, if there is one; digits past the ninth are cut.
fn fraction(rest: &mut &str) -> u32 {
    let Some(tail) = rest.strip_prefix(['.', ',']) else {
        return 0;
    };
    let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return 0;
    }
    let nanos = format!("{:0<9}", &tail[..digits.min(9)]);
    *rest = &tail[digits..];
    nanos.parse().unwrap_or(0)
}

/// `Z` or `±hh:mm`, in minutes.
fn zone(text: &str) -> Option<i32> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let (hours, minutes) = digits.split_once(':')?;
    let two = |text: &str| {
        let valid = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        valid.then(|| text.parse::<i32>().ok()).flatten()
    };
    let hours = two(hours).filter(|hours| *hours <= 24)?;
    let minutes = two(minutes).filter(|minutes| *minutes <= 60)?;
    Some(sign * (hours * 60 + minutes))
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && !year.is_multiple_of(100)
            || month == 2 && year.is_multiple_of(400) =>
        {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
