//! When a hook runs on the way of a release.

use std::fmt;

/// The value of `driftless.dev/hook`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// Before the workloads of its wave.
    Before,
    /// Once everything is applied and healthy.
    After,
    /// Once the release has failed.
    Failed,
    /// When a rollout wants to know a number. No hook of anybody's: strategies ask for it.
    Sample,
}

impl Point {
    /// Reads the word of a hook.
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::Before, Self::After, Self::Failed];
        all.into_iter().find(|point| point.as_str() == word)
    }

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Failed => "failed",
            Self::Sample => "sample",
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
