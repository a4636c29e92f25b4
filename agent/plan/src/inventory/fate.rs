//! What was decided about an object and is not done yet.

use std::{fmt, str::FromStr};

/// A decision that outlives a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has left git and may be deleted, by the budget or because somebody approved it.
    Delete,
    /// It has left git and is let go; it must not be deleted.
    Release,
    /// It may be deleted and made anew with this digest.
    Recreate(String),
}

/// A stored decision that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of delete, release, recreate:<digest>")]
pub struct BadFate(pub String);

impl Fate {
    /// True if it still holds for an object that git asks for as `digest`.
    pub(super) fn is_for(&self, digest: &str) -> bool {
        matches!(self, Self::Recreate(approved) if approved == digest)
    }
}

/// As it is stored.
impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delete => f.write_str("delete"),
            Self::Release => f.write_str("release"),
            Self::Recreate(digest) => write!(f, "recreate:{digest}"),
        }
    }
}

impl FromStr for Fate {
    type Err = BadFate;

    fn from_str(text: &str) -> Result<Self, BadFate> {
        match (text, text.split_once(':')) {
            ("delete", _) => Ok(Self::Delete),
            ("release", _) => Ok(Self::Release),
            (_, Some(("recreate", digest))) if !digest.is_empty() => {
                Ok(Self::Recreate(digest.to_owned()))
            }
            _ => Err(BadFate(text.to_owned())),
        }
    }
}
