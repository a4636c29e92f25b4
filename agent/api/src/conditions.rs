//! Conditions as `kstatus` reads them: `Ready` says it all, `Reconciling` and `Stalled` say why not.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::Reason;

/// The conditions of an Environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionType {
    /// The newest verified revision is applied and healthy.
    Ready,
    /// The agent is on the way to it.
    Reconciling,
    /// Somebody has to act before it goes on.
    Stalled,
    /// The applied objects are healthy.
    Healthy,
    /// The cluster differs from git.
    Drifted,
}

impl ConditionType {
    /// All of them, in the order they are written.
    pub const ALL: [Self; 5] = [
        Self::Ready,
        Self::Reconciling,
        Self::Stalled,
        Self::Healthy,
        Self::Drifted,
    ];

    /// The `type` of the condition.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::Healthy => "Healthy",
            Self::Drifted => "Drifted",
        }
    }
}

/// What a condition is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `None` is written as `Unknown`.
    pub holds: Option<bool>,
    /// Why.
    pub reason: Reason,
    /// The same in a sentence.
    pub message: String,
}

/// The condition `kind` with `verdict`. The transition time of `old` is kept unless the status changes.
pub fn condition(
    kind: ConditionType,
    verdict: &Verdict,
    generation: Option<i64>,
    old: &[Condition],
    now: Timestamp,
) -> Condition {
    let status = match verdict.holds {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    let before = old
        .iter()
        .find(|c| c.type_ == kind.as_str() && c.status == status);
    Condition {
        type_: kind.as_str().to_owned(),
        status: status.to_owned(),
        reason: verdict.reason.as_str().to_owned(),
        message: verdict.message.clone(),
        observed_generation: generation,
        last_transition_time: before.map_or(Time(now), |c| c.last_transition_time.clone()),
    }
}

/// The condition `kind` among `all`.
pub fn find(all: &[Condition], kind: ConditionType) -> Option<&Condition> {
    all.iter()
        .find(|condition| condition.type_ == kind.as_str())
}
