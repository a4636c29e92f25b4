//! Numbers as a row of bars.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// On which side of it a number is well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    /// At most so much.
    Most(f64),
    /// At least so much.
    Least(f64),
    /// It is not a number.
    None,
}

/// One bar for each number. The full bar `█` is beyond a limit from above, and only that; the lowest bar `▁` is below a
/// limit from below, and only that. Without a limit the largest number is the full bar.
pub(crate) fn spark(numbers: &[f64], limit: Limit) -> String {
    let most = numbers.iter().copied().fold(0.0, f64::max);
    numbers
        .iter()
        .map(|number| match limit {
            Limit::Most(most) if *number > most => BARS[7],
            Limit::Most(most) => BARS[level(*number, most, 6)],
            Limit::Least(least) if *number < least => BARS[0],
            Limit::Least(least) => BARS[1 + level(*number - least, most - least, 6)],
            Limit::None => BARS[level(*number, most, 7)],
        })
        .collect()
}

/// Where `number` is between 0 and `all`, in `steps`.
fn level(number: f64, all: f64, steps: u8) -> usize {
    let share = if all > 0.0 { number / all } else { 0.0 };
    let height = (share * f64::from(steps)).round();
    (0..=steps)
        .rev()
        .find(|step| f64::from(*step) <= height)
        .map_or(0, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_bar_is_beyond_the_limit_and_nothing_else_is() {
        assert_eq!(
            spark(&[0.0, 0.005, 0.01, 0.011, 9.0], Limit::Most(0.01)),
            "▁▄▇██"
        );
        assert_eq!(spark(&[0.0, 0.1], Limit::Most(0.0)), "▁█");
    }

    #[test]
    fn the_lowest_bar_is_below_the_limit_and_nothing_else_is() {
        assert_eq!(spark(&[0.9, 0.99, 1.0], Limit::Least(0.99)), "▁▂█");
    }

    #[test]
    fn without_a_limit_the_largest_is_full() {
        assert_eq!(spark(&[0.0, 5.0, 10.0], Limit::None), "▁▅█");
        assert_eq!(spark(&[], Limit::None), "");
        assert_eq!(spark(&[0.0, -1.0], Limit::None), "▁▁");
    }
}
