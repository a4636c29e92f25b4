//! The name of one commit.

use std::{fmt, str::FromStr};

use gix::ObjectId;

/// The full id of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(ObjectId);

/// A text that is no full commit id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a commit id; 40 hexadecimal digits are needed")]
pub struct RevisionError(String);

impl Revision {
    /// Reads 40 hexadecimal digits.
    pub fn parse(hex: &str) -> Result<Self, RevisionError> {
        match ObjectId::from_hex(hex.as_bytes()) {
            Ok(id) if !id.is_null() => Ok(Self(id)),
            _ => Err(RevisionError(hex.chars().take(80).collect())),
        }
    }

    /// The first eight digits, for people.
    pub fn short(&self) -> String {
        self.0.to_hex_with_len(8).to_string()
    }

    pub(crate) fn new(id: ObjectId) -> Self {
        Self(id)
    }

    pub(crate) fn id(&self) -> ObjectId {
        self.0
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.to_hex())
    }
}

impl FromStr for Revision {
    type Err = RevisionError;

    fn from_str(hex: &str) -> Result<Self, RevisionError> {
        Self::parse(hex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_a_full_id() {
        let hex = "4f2c1b0a99887766554433221100ffeeddccbbaa";
        let revision = Revision::parse(hex).unwrap();
        assert_eq!(revision.to_string(), hex);
        assert_eq!(revision.short(), "4f2c1b0a");
    }

    #[test]
    fn refuses_short_null_and_foreign_texts() {
        for text in [
            "",
            "4f2c",
            "HEAD",
            &"0".repeat(40),
            &"g".repeat(40),
            &"a".repeat(41),
        ] {
            assert!(Revision::parse(text).is_err(), "{text}");
        }
    }
}
