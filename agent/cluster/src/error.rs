//! Why a call to the API server came to nothing, as far as it has nothing to do with what was asked.
//!
//! The text is the API server's own sentence where there is one.

use std::time::Duration;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// We may not; the server's sentence names user, verb and resource.
    #[error("{0}")]
    Forbidden(String),
    /// The server does not know who we are: the token or certificate is wrong or has expired.
    #[error("the API server does not accept the credentials: {0}")]
    Unauthorized(String),
    /// The server has no such kind (or no longer).
    #[error("the API server does not serve {0}")]
    UnknownKind(String),
    /// The server has too much to do, and said so more often than we ask.
    #[error("the API server is too busy; it asks to come back in {} s", after.as_secs())]
    Throttled {
        /// When to try again; bounded, whatever the server said.
        after: Duration,
    },
    /// No connection, or none that lasted until the answer.
    #[error("cannot reach the API server at {server}: {why}")]
    Unreachable {
        /// Where it should be.
        server: String,
        /// The innermost reason: `Connection refused`.
        why: String,
    },
    /// It was not sent, because another replica may have taken over.
    #[error("{}", crate::fence::NotHeld)]
    NotHeld,
    /// It took too long.
    #[error("no answer from the API server within {} s", .0.as_secs())]
    Timeout(Duration),
    /// What came is no answer of a Kubernetes API server to this question, so nothing may be concluded from it.
    #[error("not an answer of a Kubernetes API server: {0}")]
    Garbage(String),
    /// Anything else the server said.
    #[error("{message}")]
    Other {
        /// HTTP status.
        code: u16,
        /// The server's sentence.
        message: String,
    },
}

/// Why something could not be read.
pub type ReadError = CallError;

/// Why a watch does not go on for now: [`CallError::Forbidden`], [`CallError::UnknownKind`] when the kind is gone,
/// [`CallError::Unreachable`] and so on.
pub type WatchFault = CallError;

impl CallError {
    /// True if the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Throttled { .. }
            | Self::Unreachable { .. }
            | Self::Timeout(_)
            | Self::Garbage(_) => true,
            Self::Other { code, .. } => *code >= 500 || *code == 409,
            Self::Forbidden(_) | Self::Unauthorized(_) | Self::UnknownKind(_) | Self::NotHeld => {
                false
            }
        }
    }
}

/// An answer that nothing may be concluded from.
pub(crate) fn garbage(what: &str) -> CallError {
    CallError::Garbage(what.to_owned())
}
