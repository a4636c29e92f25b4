//! The order in which go-yaml v2 prints the keys of a map.
//!
//! Runs of digits count as numbers, and letters come after everything else. The order is not transitive
//! (`a0`, `a00b` and friends), which the standard library's sorts may answer with a panic; hence a merge sort.

use crate::{Entry, Map};

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

fn is_letter(code: u32) -> bool {
    match u8::try_from(code) {
        Ok(byte) if byte < 0x80 => byte.is_ascii_alphabetic(),
        _ => char::from_u32(code).is_some_and(|c| c.is_alphabetic() && !c.is_numeric()),
    }
}

fn is_digit(code: u32) -> bool {
    match u8::try_from(code) {
        Ok(byte) if byte < 0x80 => byte.is_ascii_digit(),
        _ => char::from_u32(code).is_some_and(|c| c.is_numeric() && !c.is_alphabetic()),
    }
}
