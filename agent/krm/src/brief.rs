//! Short texts that are kept for long: UIDs, digests, times.
//!
//! As a text, a UID takes three times its sixteen bytes and a place of its own among all that comes and goes. What has
//! a known form is kept as its bytes, what is short is kept in place, and anything else as it is. What a text means is
//! not known here.

use std::fmt;

/// How much text stands in place.
const SHORT: usize = 22;
/// Where a UUID has its hyphens.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// A text. Equal texts are equal whatever they are kept as.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Brief(Form);

/// The first that fits.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Form {
    /// In lower case, with hyphens.
    Uuid([u8; 16]),
    /// 32 digits in lower case.
    Hex([u8; 16]),
    /// So many bytes, then zeros.
    Short(u8, [u8; SHORT]),
    Long(Box<str>),
}

impl From<&str> for Brief {
    fn from(text: &str) -> Self {
        Self(form(text).unwrap_or_else(|| Form::Long(text.into())))
    }
}

impl From<&String> for Brief {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<String> for Brief {
    fn from(text: String) -> Self {
        Self(form(&text).unwrap_or_else(|| Form::Long(text.into())))
    }
}

impl Default for Brief {
    fn default() -> Self {
        Self(Form::Short(0, [0; SHORT]))
    }
}

impl PartialEq<str> for Brief {
    fn eq(&self, text: &str) -> bool {
        match &self.0 {
            Form::Long(own) => **own == *text,
            own => form(text).as_ref() == Some(own),
        }
    }
}

impl PartialEq<&str> for Brief {
    fn eq(&self, text: &&str) -> bool {
        *self == **text
    }
}

impl PartialEq<String> for Brief {
    fn eq(&self, text: &String) -> bool {
        *self == **text
    }
}

impl fmt::Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Long(text) => f.write_str(text),
            Form::Short(length, bytes) => f.write_str(short(*length, bytes)),
            Form::Hex(bytes) => write!(f, "{:032x}", u128::from_be_bytes(*bytes)),
            Form::Uuid(bytes) => {
                let mut text = format!("{:032x}", u128::from_be_bytes(*bytes));
                for place in HYPHENS {
                    text.insert(place, '-');
                }
                f.write_str(&text)
            }
        }
    }
}

/// As a text has it.
impl fmt::Debug for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// None if it has to be kept as it is.
fn form(text: &str) -> Option<Form> {
    let bytes = text.as_bytes();
    match bytes.len() {
        length @ ..=SHORT => {
            let mut place = [0; SHORT];
            place[..length].copy_from_slice(bytes);
            u8::try_from(length)
                .ok()
                .map(|length| Form::Short(length, place))
        }
        32 => digits(bytes.iter()).map(Form::Hex),
        36 if HYPHENS.iter().all(|place| bytes[*place] == b'-') => {
            let digits_of = bytes.iter().enumerate();
            let all = digits_of.filter(|(place, _)| !HYPHENS.contains(place));
            digits(all.map(|(_, byte)| byte)).map(Form::Uuid)
        }
        _ => None,
    }
}

/// 32 of them.
fn digits<'a>(bytes: impl Iterator<Item = &'a u8>) -> Option<[u8; 16]> {
    let mut number = 0_u128;
    for byte in bytes {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        number = number << 4 | u128::from(digit);
    }
    Some(number.to_be_bytes())
}

fn short(length: u8, bytes: &[u8; SHORT]) -> &str {
    let text = std::str::from_utf8(&bytes[..usize::from(length)]);
    text.expect("a text because it was one when it was put here")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_it_was_given() {
        for text in [
            "",
            "v1",
            "2026-01-01T00:00:00Z",
            "zwanzig und mehr: ä",
            "exactly twenty-two: ab",
            "twenty-three or more: a",
            "0123456789abcdef0123456789abcdef",
            "0123456789ABCDEF0123456789abcdef",
            "0123456789abcdef0123456789abcde",
            "6f1c1f5e-8a7b-4c3d-9e2f-001122334455",
            "00000000-0000-0000-0000-000000000000",
            "6F1C1F5E-8a7b-4c3d-9e2f-001122334455",
            "6f1c1f5e-8a7b-4c3d-9e2f_001122334455",
            "+f1c1f5e-8a7b-4c3d-9e2f-001122334455",
            "ääää1f5e-8a7b-4c3d-9e2f-001122334",
        ] {
            let brief = Brief::from(text);
            assert_eq!(brief.to_string(), text);
            assert_eq!(format!("{brief:?}"), format!("{text:?}"));
            assert!(brief == *text && brief == text);
            assert_eq!(brief, Brief::from(text.to_owned()));
            assert!(brief != *format!("{text}0").as_str(), "{text}");
        }
        assert_eq!(Brief::default(), Brief::from(""));
    }

    #[test]
    fn digits_with_and_without_hyphens_are_different_texts() {
        let uuid = "6f1c1f5e-8a7b-4c3d-9e2f-001122334455";
        assert_ne!(Brief::from(uuid), Brief::from(uuid.replace('-', "")));
    }

    #[test]
    fn it_is_small() {
        assert_eq!(size_of::<Option<Brief>>(), 24);
    }
}
