//! Whether a live object does what it is for, in its own words.
//!
//! Follows the rules of kstatus, one file per kind, with conditions that any kind may carry as the fallback.
//! How long something may take is not known here.

use std::fmt;

use krm::Gvk;
use serde_json::Value;

/// How an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The word.
    pub status: HealthStatus,
    /// Why, in the object's own words; empty if there is nothing to say.
    pub message: String,
}

/// How an object, or all of them, are; from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthStatus {
    /// Does what it is for.
    Healthy,
    /// Switched off on purpose.
    Suspended,
    /// On the way.
    Progressing,
    /// Not there.
    Missing,
    /// Failed, or stuck.
    Degraded,
    /// Cannot be told.
    Unknown,
}

/// Judges a live object.
pub fn assess(gvk: &Gvk, live: &Value) -> Health {
    let _ = (gvk, live);
    unimplemented!()
}

/// False for kinds that are healthy as soon as they are there, so that their bodies need not be watched.
pub fn has_health(gvk: &Gvk) -> bool {
    let _ = gvk;
    unimplemented!()
}

/// An object that is there, of a kind without health.
pub fn present() -> Health {
    Health::new(HealthStatus::Healthy, "")
}

/// An object that is not there.
pub fn missing() -> Health {
    Health::new(HealthStatus::Missing, "not there")
}

impl Health {
    /// A judgement.
    pub fn new(status: HealthStatus, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }
}

impl HealthStatus {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Suspended => "Suspended",
            Self::Progressing => "Progressing",
            Self::Missing => "Missing",
            Self::Degraded => "Degraded",
            Self::Unknown => "Unknown",
        }
    }

    /// True for what needs no waiting: healthy, or off on purpose.
    pub const fn is_fine(self) -> bool {
        matches!(self, Self::Healthy | Self::Suspended)
    }
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
