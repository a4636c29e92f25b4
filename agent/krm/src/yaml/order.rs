//! The order in which go-yaml v2 prints the keys of a map.
//!
//! Runs of digits count as numbers, and letters come after everything else. The order is not transitive
//! (`0b1`, `9`, `21`, `029` turn in a circle, and Go prints them in another order each time), which the standard
//! library's sorts may answer with a panic; hence a merge sort.

use crate::{Entry, Map};

/// Where each run of ten decimal digits in Unicode 15 starts.
const ZEROS: &[u32] = &[
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
    0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80,
    0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0,
    0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0,
    0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x11F50, 0x16A60,
    0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E4F0,
    0x1E950, 0x1FBF0,
];

/// The entries of `map` in printing order.
pub(super) fn sorted(map: &Map) -> Vec<&Entry> {
    let mut entries: Vec<&Entry> = map.iter().collect();
    if !entries.is_sorted_by(|a, b| !less(&b.key, &a.key)) {
        sort(&mut entries);
    }
    entries
}

fn sort(entries: &mut Vec<&Entry>) {
    /// Up to this length go sorts by insertion too.
    const SHORT: usize = 12;
    if entries.len() > SHORT {
        let mut right = entries.split_off(entries.len() / 2);
        sort(entries);
        sort(&mut right);
        *entries = merge(entries, &right);
        return;
    }
    for end in 1..entries.len() {
        let mut at = end;
        while at > 0 && less(&entries[at].key, &entries[at - 1].key) {
            entries.swap(at, at - 1);
            at -= 1;
        }
    }
}

fn merge<'m>(left: &[&'m Entry], right: &[&'m Entry]) -> Vec<&'m Entry> {
    let mut out = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = match less(&b.key, &a.key) {
            true => right.next(),
            false => left.next(),
        };
        out.extend(next);
    }
    out.extend(left);
    out.extend(right);
    out
}

/// Whether `a` comes before `b`.
fn less(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return less_by(a.as_bytes(), b.as_bytes(), u32::from);
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    less_by(&a, &b, u32::from)
}

fn less_by<T: Copy + PartialEq>(a: &[T], b: &[T], code: impl Fn(T) -> u32) -> bool {
    let Some(at) = a.iter().zip(b).position(|(a, b)| a != b) else {
        return a.len() < b.len();
    };
    let (x, y) = (code(a[at]), code(b[at]));
    let (x_letter, y_letter) = (is_letter(x), is_letter(y));
    if x_letter && y_letter {
        return x < y;
    }
    if x_letter || y_letter {
        return y_letter;
    }
    let zero = u32::from('0');
    let mut seed = 0;
    if x == zero || y == zero {
        let before = a[..at]
            .iter()
            .rev()
            .map(|c| code(*c))
            .take_while(|c| is_digit(*c));
        // After a digit other than zero, a zero is a digit like any other and not a leading one.
        seed = i64::from(before.into_iter().any(|c| c != zero));
    }
    let number = |text: &[T]| {
        let digits = text[at..]
            .iter()
            .map(|c| code(*c))
            .take_while(|c| is_digit(*c));
        digits.fold((seed, 0), |(value, count), digit| {
            let digit = i64::from(digit) - i64::from(zero);
            (
                i64::wrapping_add(i64::wrapping_mul(value, 10), digit),
                count + 1,
            )
        })
    };
    let (x_number, y_number) = (number(a), number(b));
    match x_number == y_number {
        true => x < y,
        false => x_number < y_number,
    }
}

/// Combining marks, which are alphabetic without being letters, come out wrong here; the standard library does
/// not tell them apart.
fn is_letter(code: u32) -> bool {
    match u8::try_from(code) {
        Ok(byte) if byte < 0x80 => byte.is_ascii_alphabetic(),
        _ => char::from_u32(code).is_some_and(|c| c.is_alphabetic() && !c.is_numeric()),
    }
}

fn is_digit(code: u32) -> bool {
    ZEROS.iter().any(|zero| (*zero..*zero + 10).contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Node, Pos};

    fn order(keys: &[&str]) -> Vec<String> {
        let mut map = Map::new();
        for key in keys {
            map.push(*key, Node::null(Pos::default()));
        }
        let sorted = sorted(&map);
        sorted.iter().map(|entry| entry.key.clone()).collect()
    }

    /// As printed by kustomize.
    #[test]
    fn digits_count_and_letters_come_last() {
        let expected = [
            "-", "_", "²", "0", "00", "1", "01", "9", "10", "B", "a", "a-", "a/b", "a1", "ab", "é",
        ];
        let mut keys = expected;
        keys.reverse();
        assert_eq!(order(&keys), expected);
    }

    #[test]
    fn a_circle_of_keys_neither_panics_nor_loses_one() {
        let circle = ["0b292.", "91..", "21/02", "0290Z."];
        let keys: Vec<String> = (0..50)
            .flat_map(|at| circle.map(|key| format!("{key}{at}")))
            .collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut sorted = order(&keys);
        sorted.sort_unstable();
        let mut expected = keys;
        expected.sort_unstable();
        assert_eq!(sorted, expected);
    }
}
