//! Which fields of objects are left to others, and what becomes of fields that others have added.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Leaves fields of some objects to others: they are set when an object is made and never again. An object has
/// to be selected by all of `groups`, `kinds`, `names` and `namespaces`; a list that is left out selects all.
/// `*` in a name stands for any characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IgnoreRule {
    /// API groups: `apps`; the empty text is the core group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub groups: Vec<String>,
    /// Kinds: `Deployment`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub kinds: Vec<String>,
    /// Names of objects: `web-*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub names: Vec<String>,
    /// Namespaces of objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub namespaces: Vec<String>,
    /// JSON pointers in which list items are named by their keys: `/spec/replicas`,
    /// `/spec/template/spec/containers[name=web]/resources`, `/spec/list[*]/field`.
    #[schemars(length(min = 1, max = 64))]
    pub fields: Vec<String>,
}

/// What becomes of fields that people have added by hand and git does not mention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ForeignFields {
    /// They stay and are told; the Environment does not count as drifted for them.
    #[default]
    Report,
    /// They are taken out again.
    Remove,
    /// They stay and nobody hears of them.
    Ignore,
}

/// Fields that people have added by hand and git does not mention, as they are now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForeignStatus {
    /// How many fields.
    #[serde(default)]
    pub count: u32,
    /// Which, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<ForeignEntry>,
}

/// One field that somebody has added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForeignEntry {
    /// `Deployment/shop/web`
    pub object: String,
    /// `spec.template.spec.containers[name=debug]`
    pub field: String,
    /// The field manager that did it, as the API server recorded it.
    pub manager: String,
    /// When, as the API server recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
}

impl ForeignStatus {
    /// True without any.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// What an audit that somebody asked for has found: objects that a dry run would change although they were in
/// sync as far as the watch told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditStatus {
    /// The value of `driftless.dev/audit-at` that was acted on.
    pub request: String,
    /// How many objects were compared.
    #[serde(default)]
    pub checked: u32,
    /// How many of them differed.
    #[serde(default)]
    pub missed: u32,
    /// Where, at most 20.
    #[serde(default)]
    pub entries: Vec<AuditEntry>,
    /// Why nothing was compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// One place that the watch has missed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// `Deployment/shop/web`
    pub object: String,
    /// `spec.replicas`
    pub field: String,
}
