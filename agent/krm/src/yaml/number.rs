//! Numbers as Go reads and prints them.
//!
//! Readings follow `strconv.ParseInt` with base 0, `strconv.ParseFloat` and go-yaml's additions to them.
//! Printings follow `strconv.FormatFloat(f, 'g', -1, 64)` and `encoding/json`.

/// An integer as go-yaml knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Int {
    Signed(i64),
    /// Past `i64::MAX`.
    Unsigned(u64),
}

/// A number that a text stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Int(Int),
    Float(f64),
}

/// Reads a text that starts with a digit or a sign. `octal_o`: whether `0o17` with a sign after the prefix is
/// one too, as in go-yaml v3 but not v2.
pub(crate) fn parse(text: &str, octal_o: bool) -> Option<Number> {
    let owned;
    let plain = match text.contains('_') {
        true => {
            owned = text.replace('_', "");
            owned.as_str()
        }
        false => text,
    };
    if let Some(int) = parse_int_base_0(plain) {
        return Some(Number::Int(int));
    }
    if looks_like_float(plain)
        && let Some(float) = finite(plain)
    {
        return Some(Number::Float(float));
    }
    let prefixed = |prefix: &str, base| Some(parse_prefixed(plain.strip_prefix(prefix)?, base));
    let negative = |prefix: &str, base| {
        let digits = format!("-{}", plain.strip_prefix(prefix)?);
        Some(signed(&digits, base).map(Int::Signed))
    };
    prefixed("0b", 2)
        .or_else(|| negative("-0b", 2))
        .flatten()
        .or_else(|| {
            octal_o
                .then(|| prefixed("0o", 8).or_else(|| negative("-0o", 8)).flatten())
                .flatten()
        })
        .map(Number::Int)
}

/// Reads a text that starts with a point: a Go float literal, in which `_` may stand between digits.
pub(crate) fn parse_point(text: &str) -> Option<f64> {
    let mut previous: u8 = 0;
    for byte in text.bytes() {
        let fits = match byte {
            b'_' => previous.is_ascii_digit(),
            b'0'..=b'9' => true,
            _ => previous != b'_',
        };
        if !fits {
            return None;
        }
        previous = byte;
    }
    let (_, exponent) = text.split_once(['e', 'E']).unwrap_or(("", "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if previous == b'_' || exponent.starts_with('_') {
        return None;
    }
    let plain = text.replace('_', "");
    looks_like_float(&plain).then(|| finite(&plain)).flatten()
}

/// `'g'` with the shortest digits: what go-yaml prints for a float.
pub(crate) fn format_g(float: f64, out: &mut String) {
    let digits = Digits::of(float);
    // Go decides as if six digits had been asked for.
    let scientific = !(-4..6).contains(&(digits.point - 1));
    digits.write(scientific, out);
}

/// What `encoding/json` prints for a float: plain digits from 1e-6 up to 1e21.
pub(crate) fn format_json(float: f64, out: &mut String) {
    let size = float.abs();
    let scientific = size != 0.0 && !(1e-6..1e21).contains(&size);
    let start = out.len();
    Digits::of(float).write(scientific, out);
    // Go's JSON writes e-9 where other formatting says e-09.
    if scientific && out[start..].contains("e-0") {
        out.remove(out.len() - 2);
    }
}

/// The shortest digits that read back as the float: `0.d1d2d3… × 10^point`.
struct Digits {
    negative: bool,
    shortest: String,
    point: i32,
}

impl Digits {
    fn of(float: f64) -> Self {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(float);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa
            .trim_start_matches('-')
            .split_once('.')
            .unwrap_or((mantissa.trim_start_matches('-'), ""));
        let all = format!("{whole}{fraction}");
        let leading = all.len() - all.trim_start_matches('0').len();
        let digits = all.trim_matches('0');
        let whole = i32::try_from(whole.len()).unwrap_or(0) - i32::try_from(leading).unwrap_or(0);
        Self {
            negative: float.is_sign_negative(),
            shortest: if digits.is_empty() { "0" } else { digits }.to_owned(),
            point: if digits.is_empty() {
                1
            } else {
                whole + exponent.parse().unwrap_or(0)
            },
        }
    }

    fn write(&self, scientific: bool, out: &mut String) {
        if self.negative {
            out.push('-');
        }
        let (digits, point) = (self.shortest.as_str(), self.point);
        let missing = point - i32::try_from(digits.len()).unwrap_or(i32::MAX);
        let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
        let text = if scientific {
            let (first, more) = digits.split_at(1);
            let dot = if more.is_empty() { "" } else { "." };
            let sign = if point < 1 { '-' } else { '+' };
            format!("{first}{dot}{more}e{sign}{:02}", (point - 1).abs())
        } else if point <= 0 {
            format!("0.{}{digits}", zeros(-point))
        } else if missing >= 0 {
            format!("{digits}{}", zeros(missing))
        } else {
            let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
            format!("{whole}.{fraction}")
        };
        out.push_str(&text);
    }
}

/// `ParseInt(text, 0, 64)`, then `ParseUint(text, 0, 64)`; the text holds no `_`.
fn parse_int_base_0(text: &str) -> Option<Int> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("+", &text[1..]),
        _ => ("", text),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', _, ..] => (2, &digits[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    let value = magnitude(digits, base)?;
    match sign {
        "-" if value == 1 << 63 => Some(Int::Signed(i64::MIN)),
        "-" => i64::try_from(value).ok().map(|value| Int::Signed(-value)),
        _ => match i64::try_from(value) {
            Ok(value) => Some(Int::Signed(value)),
            Err(_) if sign.is_empty() => Some(Int::Unsigned(value)),
            Err(_) => None,
        },
    }
}

/// The rest after `0b` or `0o`, in which Go allows another sign.
fn parse_prefixed(rest: &str, base: u32) -> Option<Int> {
    match signed(rest, base) {
        Some(value) => Some(Int::Signed(value)),
        None => magnitude(rest, base).map(Int::Unsigned),
    }
}

/// `ParseInt(text, base, 64)` for a base that is given.
fn signed(text: &str, base: u32) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let value = magnitude(digits, base)?;
    match negative {
        true if value == 1 << 63 => Some(i64::MIN),
        true => i64::try_from(value).ok().map(|value| -value),
        false => i64::try_from(value).ok(),
    }
}

/// Digits only, without a sign.
fn magnitude(digits: &str, base: u32) -> Option<u64> {
    match digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        true => u64::from_str_radix(digits, base).ok(),
        false => None,
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn looks_like_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            exponent.strip_prefix(['-', '+']).unwrap_or(exponent),
        ),
        None => (unsigned, "0"),
    };
    let mantissa = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && digits(fraction),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    mantissa && !exponent.is_empty() && digits(exponent)
}

/// Too large a number is not a float in Go but text.
fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|float: &f64| float.is_finite())
}
