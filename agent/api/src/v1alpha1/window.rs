//! Windows of time for new revisions, and what waits for one.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Interval;

/// A window of time. It opens at each time of `schedule` and lasts for `duration`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Window {
    /// `deny` holds new revisions while it is open, and wins; with an `allow`, they are held outside of all of them.
    pub kind: WindowKind,
    /// Minute, hour, day of month, month and day of week, as in a CronJob: `0 8 * * 1-5`; or `@daily` and the like.
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = Rule::new(r"self.matches('^\\s*(@(hourly|daily|midnight|weekly|monthly|yearly|annually)|([0-9A-Za-z*?,/-]+\\s+){4}[0-9A-Za-z*?,/-]+)\\s*$')").message("must be five fields (minute, hour, day of month, month, day of week), such as `0 8 * * 1-5`, or a word such as @daily"))]
    pub schedule: String,
    /// How long it stays open, such as `8h`; at most `744h`.
    #[x_kube(validation = Rule::new("duration(self) > duration('0s') && duration(self) <= duration('744h')").message("must be longer than nothing and at most 744h"))]
    pub duration: Interval,
    /// Whose clocks `schedule` speaks of: a name of the IANA database, such as `Europe/Berlin`. Default `UTC`.
    #[serde(default = "Window::default_time_zone")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("timestamp('2026-01-01T00:00:00Z').getHours(self) >= 0").message("must be a time zone of the IANA database, such as Europe/Berlin"))]
    pub time_zone: String,
}

/// What an open window does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WindowKind {
    /// New revisions may be applied.
    Allow,
    /// New revisions are held.
    Deny,
}

/// A revision that waits for its time, and what it would change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitingRevision {
    /// The full commit id.
    pub revision: String,
    /// When it may be applied; absent if not within a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// How many objects it would change or delete.
    #[serde(default)]
    pub count: u32,
    /// Which, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<PlannedChange>,
}

/// One change that a revision would make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedChange {
    /// What would be done.
    pub action: PlannedAction,
    /// To what: `Deployment/shop/web`.
    pub object: String,
}

/// What would be done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PlannedAction {
    /// Made.
    Create,
    /// Changed.
    Update,
    /// Taken over.
    Adopt,
    /// Removed.
    Delete,
}

/// Somebody let a revision through outside of its windows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WindowOverride {
    /// Who, as they said; the API server's audit log has who it was.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl Window {
    fn default_time_zone() -> String {
        "UTC".to_owned()
    }
}

impl PlannedAction {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Adopt => "adopt",
            Self::Delete => "delete",
        }
    }
}
