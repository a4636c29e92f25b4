//! What the agent answers to a command about a rollout. Giving one is an annotation: [`crate::names::ROLLOUT_COMMAND`].

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommandAnswer {
    /// The command's own id.
    pub id: String,
    /// What was asked for: `promote`.
    pub action: String,
    /// Who.
    pub by: String,
    /// When the agent took it up.
    pub at: Time,
    /// True if it was obeyed.
    pub obeyed: bool,
    /// Why not, if it was not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}
