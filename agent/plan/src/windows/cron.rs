//! Days and times of day in the five fields of cron, as Kubernetes reads them in a CronJob.

use jiff::civil::Date;

/// What the fields say, one bit a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Where day and weekday are both restricted, one of them is enough.
    either: bool,
}

/// One field: its name, its smallest and greatest value, and names for values.
struct Field(&'static str, u8, u8, &'static [&'static str]);

const MINUTE: Field = Field("minute", 0, 59, &[]);
const HOUR: Field = Field("hour", 0, 23, &[]);
const DAY: Field = Field("day of month", 1, 31, &[]);
const MONTH: Field = Field(
    "month",
    1,
    12,
    &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
);
/// 7 is Sunday, too.
const WEEKDAY: Field = Field(
    "day of week",
    0,
    7,
    &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
);

const WORDS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// The most days that each month has.
const LENGTHS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

impl Cron {
    /// Reads the five fields, or says what is wrong with the first bad one.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let word = WORDS.iter().find(|(word, _)| *word == text);
        let fields: Vec<&str> = word
            .map_or(text, |(_, fields)| fields)
            .split_whitespace()
            .collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(format!(
                "{text:?} has to have five fields (minute, hour, day of month, month, day of week), as `0 8 * * 1-5`, or be a word such as @daily"
            ));
        };
        let cron = Self {
            minutes: MINUTE.read(minute)?,
            hours: HOUR.read(hour)?,
            days: DAY.read(day)?,
            months: MONTH.read(month)?,
            weekdays: sunday(WEEKDAY.read(weekday)?),
            either: !is_any(day) && !is_any(weekday),
        };
        match cron.exists() {
            true => Ok(cron),
            false => Err(format!("{text:?} names a day that none of its months has")),
        }
    }

    pub(super) fn has_day(&self, date: Date) -> bool {
        let month = has(self.months, date.month());
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        month
            && if self.either {
                day || weekday
            } else {
                day && weekday
            }
    }

    /// Hours and minutes, in order.
    pub(super) fn times(&self) -> impl Iterator<Item = (i8, i8)> {
        let hours = (0..24).filter(|hour| has(self.hours, *hour));
        hours.flat_map(|hour| {
            let minutes = (0..60).filter(|minute| has(self.minutes, *minute));
            minutes.map(move |minute| (hour, minute))
        })
    }

    fn exists(&self) -> bool {
        let days = |length: u32| self.days & ((2_u64 << length) - 1) != 0;
        let months = (1_i8..).zip(LENGTHS);
        let mut months = months.filter(|(month, _)| has(self.months, *month));
        self.either || months.any(|(_, length)| days(length))
    }
}

impl Field {
    /// A list of values, ranges and steps.
    fn read(&self, text: &str) -> Result<u64, String> {
        let mut bits = 0;
        for part in text.split(',') {
            bits |= self.part(part)?;
        }
        Ok(bits)
    }

    fn part(&self, part: &str) -> Result<u64, String> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step, part)?)),
            None => (part, None),
        };
        let Self(_, least, most, _) = *self;
        let (first, last) = match range.split_once('-') {
            _ if is_any(range) => (least, most - u8::from(most == 7)),
            Some((first, last)) => (self.value(first, part)?, self.value(last, part)?),
            None if step.is_some() => (self.value(range, part)?, most),
            None => {
                let value = self.value(range, part)?;
                (value, value)
            }
        };
        if first > last {
            return Err(self.wrong(part, "begins after its end"));
        }
        let values = (first..=last).step_by(step.unwrap_or(1));
        Ok(values.fold(0, |bits, value| bits | 1 << value))
    }

    fn step(&self, step: &str, part: &str) -> Result<usize, String> {
        let read = step.parse().ok().filter(|step| (1..=60).contains(step));
        read.ok_or_else(|| self.wrong(part, "has a step that is no number from 1 to 60"))
    }

    fn value(&self, text: &str, part: &str) -> Result<u8, String> {
        let Self(_, least, most, names) = *self;
        let lower = text.to_ascii_lowercase();
        let named = names.iter().position(|name| *name == lower);
        let named = named
            .and_then(|place| u8::try_from(place).ok())
            .map(|place| place + least);
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let read = named.or_else(|| text.parse().ok().filter(|_| plain));
        let read = read.filter(|value| (least..=most).contains(value));
        read.ok_or_else(|| self.wrong(part, &format!("has to be from {least} to {most}")))
    }

    fn wrong(&self, part: &str, what: &str) -> String {
        format!("{} {part:?} {what}", self.0)
    }
}

fn is_any(text: &str) -> bool {
    matches!(text, "*" | "?")
}

fn sunday(bits: u64) -> u64 {
    (bits | bits >> 7) & 0x7f
}

fn has(bits: u64, value: i8) -> bool {
    bits & (1 << value) != 0
}
