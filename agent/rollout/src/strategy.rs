//! What a strategy says: the steps, what is watched on the way, and how long to be patient.
//!
//! These are the documents people write; [`mod@builtin`] has those that nobody needs to write. What follows from a strategy is decided in [`crate::machine`].

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::duration::Interval;

pub mod analysis;
pub mod builtin;
pub mod chaos;
pub mod step;

pub use analysis::{Analysis, Compare, Metric, OnMissing, Source};
pub use builtin::builtin;
pub use chaos::Chaos;
pub use step::{Approve, Flag, Pause, Step, Synthetic};

/// How a new revision reaches its users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Strategy {
    /// How users are divided between the versions. Default `auto`.
    #[serde(default)]
    pub traffic: Traffic,
    /// What happens one after the other, before the new revision takes the place of the old one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub steps: Vec<Step>,
    /// What is watched from the first step until the end of the bake time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Analysis>,
    /// How long after promotion a failing analysis or synthetic check still brings the former release back.
    /// Default: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake: Option<Interval>,
    /// How long pods may take to become ready and weights to be seen before the revision is rejected. Default `10m`.
    #[serde(default = "Strategy::default_deadline")]
    pub progress_deadline: Interval,
    /// Requests that always reach the new version once it runs, whatever the weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub testers: Option<Testers>,
    /// The two namespaces of a blue/green of the whole environment. Left out: versions stand side by side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
}

/// How users are divided between the versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Traffic {
    /// By the routes of the Gateway API that lead to the workload; by the number of pods where there is none.
    #[default]
    Auto,
    /// By the number of pods behind the same Service. The share achieved is what pods make of it.
    Replicas,
    /// All at once: by routes where there are any, else by the selector of the Services.
    Switch,
}

/// Requests that are led to the new version by what they carry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Testers {
    /// Headers, any of which is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub headers: Vec<NameValue>,
    /// Cookies, any of which is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub cookies: Vec<NameValue>,
}

/// A header or cookie with its exact value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NameValue {
    /// Its name.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// Its value.
    #[schemars(length(min = 1, max = 256))]
    pub value: String,
}

/// Two namespaces that take turns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Namespaces {
    /// The one that serves first.
    #[schemars(length(min = 1, max = 63))]
    pub blue: String,
    /// The other one.
    #[schemars(length(min = 1, max = 63))]
    pub green: String,
    /// How long the old side is kept after the switch, ready to take over again. Default `1h`.
    #[serde(default = "Namespaces::default_keep")]
    pub keep: Interval,
}

/// A number of pods, or a share of those that the workload has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many.
    Count(u32),
    /// Per cent, rounded up.
    Percent(u8),
}

/// Why a text is no [`Amount`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no number of pods; write for example `5` or `20%`")]
pub struct NotAnAmount(String);

impl Strategy {
    const fn default_deadline() -> Interval {
        Interval::seconds(600)
    }

    /// A strategy of these steps and nothing else.
    pub fn of(steps: Vec<Step>) -> Self {
        Self {
            traffic: Traffic::Auto,
            steps,
            analysis: None,
            bake: None,
            progress_deadline: Self::default_deadline(),
            testers: None,
            namespaces: None,
        }
    }
}

impl Namespaces {
    const fn default_keep() -> Interval {
        Interval::seconds(3600)
    }
}

impl Amount {
    /// So much of `all`, at least one unless it says none, at most what it says.
    pub fn of(self, all: u32) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Percent(0) => 0,
            Self::Percent(percent) => share(all, percent).max(1),
        }
    }
}

/// `percent` of `all`, rounded up.
pub(crate) fn share(all: u32, percent: u8) -> u32 {
    let part = (u64::from(all) * u64::from(percent)).div_ceil(100);
    u32::try_from(part).unwrap_or(u32::MAX)
}

impl FromStr for Amount {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotAnAmount(text.chars().take(32).collect());
        match text.strip_suffix('%') {
            Some(percent) => percent
                .parse()
                .ok()
                .filter(|percent| *percent <= 100)
                .map(Self::Percent)
                .ok_or_else(wrong),
            None => text.parse().map(Self::Count).map_err(|_| wrong()),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => serializer.serialize_u32(*count),
            Self::Percent(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u32),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(count) => Ok(Self::Count(count)),
            Written::Text(text) => text.parse().map_err(de::Error::custom),
        }
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-kubernetes-int-or-string": true })
    }
}
