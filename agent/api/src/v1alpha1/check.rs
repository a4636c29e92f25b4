//! What came of the HTTP checks of an Environment. The checks themselves are `rollout`'s.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
pub use rollout::synthetic::HttpCheck;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a check stands. Written when that changes, never for a run that finds nothing new.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckStatus {
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: CheckState,
    /// Since when.
    pub since: Time,
    /// What it saw when it began to fail.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// How it stood before, newest first, at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<CheckTurn>,
}

/// A time in which a check stood in one way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckTurn {
    /// How it stood.
    pub state: CheckState,
    /// From when.
    pub since: Time,
    /// What it saw, where it failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// How a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CheckState {
    /// As expected.
    Passing,
    /// Not as expected, as many times in a row as it takes.
    Failing,
    /// It cannot be asked, for example because a Secret is missing. Nobody is blamed for that.
    Unknown,
}

impl CheckStatus {
    /// Whether it fails. While it cannot be asked it is taken to stand as it did before.
    pub fn fails(&self) -> bool {
        let before = self.history.iter().map(|turn| turn.state);
        let mut states = std::iter::once(self.state).chain(before);
        states.find(|state| *state != CheckState::Unknown) == Some(CheckState::Failing)
    }
}

impl CheckState {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passing => "Passing",
            Self::Failing => "Failing",
            Self::Unknown => "Unknown",
        }
    }
}
