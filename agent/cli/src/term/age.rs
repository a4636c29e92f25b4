//! Spans of time as people read them.

use jiff::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How long ago `then` was, in the largest unit of which there are at least two: `45s`, `90s`, `3m`, `5h`, `4d`.
pub(crate) fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(then.as_second()).max(0);
    let (length, unit) = [(DAY, "d"), (HOUR, "h"), (MINUTE, "m")]
        .into_iter()
        .find(|(length, _)| seconds >= 2 * length)
        .unwrap_or((1, "s"));
    format!("{}{unit}", seconds / length)
}

/// How long something took: `340ms`, `2.4s`, `3m12s`.
pub(crate) fn took(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis}ms"),
        1_000..60_000 => format!("{}.{}s", millis / 1_000, millis % 1_000 / 100),
        _ => format!("{}m{:02}s", millis / 60_000, millis % 60_000 / 1_000),
    }
}

/// How long something still takes: `45s`, `9m12s`, `2h05m`.
pub(crate) fn left(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_keep_two_of_a_unit() {
        for (seconds, text) in [
            (-5, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (7_199, "119m"),
            (7_200, "2h"),
            (172_800, "2d"),
        ] {
            let now = Timestamp::from_second(1_000_000 + seconds).unwrap();
            assert_eq!(age(Timestamp::from_second(1_000_000).unwrap(), now), text);
        }
    }

    #[test]
    fn what_is_left_is_told_in_two_units() {
        for (seconds, text) in [(59, "59s"), (72, "1m12s"), (3_600, "1h00m")] {
            assert_eq!(left(seconds), text);
        }
    }

    #[test]
    fn durations_fit_their_size() {
        for (millis, text) in [
            (0, "0ms"),
            (999, "999ms"),
            (2_449, "2.4s"),
            (192_000, "3m12s"),
        ] {
            assert_eq!(took(millis), text);
        }
    }
}
