//! What a carrier answers: what it has done with an object, or why not.

use cluster::{Applied, CallError, ReleaseError};
use plan::diff::approval::Recreation;

/// What came of applying one object.
pub(in crate::pass) struct Carried {
    pub(in crate::pass) applied: Applied,
    pub(in crate::pass) recreated: bool,
    /// Whose fields became ours.
    pub(in crate::pass) from: Vec<String>,
}

/// Why an object was not applied.
pub(in crate::pass) enum Unapplied {
    /// What is wrong, and what to do.
    Told(String),
    /// It has to be made anew, and somebody has to approve that first.
    Anew(Recreation),
}

impl From<String> for Unapplied {
    fn from(message: String) -> Self {
        Self::Told(message)
    }
}

/// Why an object was not let go.
pub(in crate::pass) struct Kept {
    /// What the API server said.
    pub(in crate::pass) message: String,
    /// True if asking again changes nothing.
    pub(in crate::pass) refused: bool,
}

impl From<ReleaseError> for Kept {
    fn from(error: ReleaseError) -> Self {
        let refused = matches!(
            error,
            ReleaseError::Denied(_)
                | ReleaseError::Call(
                    CallError::Forbidden(_)
                        | CallError::Unauthorized(_)
                        | CallError::UnknownKind(_)
                )
        );
        Self {
            message: crate::chain::text(&error),
            refused,
        }
    }
}

impl From<String> for Kept {
    fn from(message: String) -> Self {
        Self {
            message,
            refused: false,
        }
    }
}
