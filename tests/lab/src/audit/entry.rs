//! One line of the audit log, as a test wants to read it.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// One request as the API server saw it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "Raw")]
pub struct Entry {
    /// Who asked.
    pub user: String,
    /// As whom, where the request was made under impersonation.
    pub impersonated: Option<String>,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; in lower case the HTTP method
    /// for requests that are not about objects.
    pub verb: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// The API version: `v1`.
    pub version: String,
    /// The kind in the plural: `deployments`; empty for requests that are not about objects.
    pub resource: String,
    /// `status`, `scale`, …; empty for the object itself.
    pub subresource: String,
    /// The namespace, or empty.
    pub namespace: String,
    /// The name, or empty (a list, or a name the server is to make).
    pub name: String,
    /// The path and query asked for.
    pub uri: String,
    /// The HTTP status answered; 0 where none was.
    pub code: u16,
    /// When the server received it.
    pub received: Timestamp,
    /// When this entry was written: for all but watches, when it was answered.
    pub written: Timestamp,
    /// `ResponseStarted` (a watch begins), `ResponseComplete` or `Panic`.
    pub stage: String,
    /// The program that asked, in its own words.
    pub user_agent: String,
    /// The field manager named in the query, or empty.
    pub manager: String,
    /// Whether the request was a dry run.
    pub dry_run: bool,
    /// What was sent, where the policy records it.
    pub request: Option<Value>,
    /// What was answered, where the policy records it.
    pub response: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    user: RawUser,
    impersonated_user: Option<RawUser>,
    verb: String,
    object_ref: Option<RawObject>,
    #[serde(rename = "requestURI")]
    uri: String,
    response_status: Option<RawStatus>,
    request_received_timestamp: Timestamp,
    stage_timestamp: Timestamp,
    stage: String,
    #[serde(default)]
    user_agent: String,
    request_object: Option<Value>,
    response_object: Option<Value>,
}

#[derive(Deserialize)]
struct RawUser {
    #[serde(default)]
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawObject {
    resource: String,
    namespace: String,
    name: String,
    api_group: String,
    api_version: String,
    subresource: String,
}

#[derive(Deserialize)]
struct RawStatus {
    #[serde(default)]
    code: u16,
}

impl Entry {
    /// Whether it changes something, or tries to. Reviews of access and tokens are created but change nothing.
    pub fn is_write(&self) -> bool {
        let writes = ["create", "update", "patch", "delete", "deletecollection"];
        let asks = ["authorization.k8s.io", "authentication.k8s.io"].contains(&&*self.group);
        writes.contains(&&*self.verb) && !asks && self.subresource != "token"
    }

    /// Whether it is a watch.
    pub fn is_watch(&self) -> bool {
        self.verb == "watch"
    }

    /// Whether it reads or renews a Lease, as those who share work do every few seconds.
    pub fn is_lease_renewal(&self) -> bool {
        self.resource == "leases" && ["get", "update", "patch"].contains(&&*self.verb)
    }

    /// Whether the server did what was asked.
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.code)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} → {} by {}",
            self.received, self.verb, self.uri, self.code, self.user
        )?;
        if let Some(user) = &self.impersonated {
            write!(f, " as {user}")?;
        }
        Ok(())
    }
}

impl From<Raw> for Entry {
    fn from(raw: Raw) -> Self {
        let object = raw.object_ref.unwrap_or_default();
        let query = |key| query_value(&raw.uri, key);
        Self {
            user: raw.user.username,
            impersonated: raw.impersonated_user.map(|user| user.username),
            verb: raw.verb,
            group: object.api_group,
            version: object.api_version,
            resource: object.resource,
            subresource: object.subresource,
            namespace: object.namespace,
            name: object.name,
            code: raw.response_status.map_or(0, |status| status.code),
            received: raw.request_received_timestamp,
            written: raw.stage_timestamp,
            stage: raw.stage,
            user_agent: raw.user_agent,
            manager: query("fieldManager").unwrap_or_default(),
            dry_run: query("dryRun").is_some(),
            uri: raw.uri,
            request: raw.request_object,
            response: raw.response_object,
        }
    }
}

/// Values are compared as written: field managers and `dryRun=All` need no escaping.
fn query_value(uri: &str, key: &str) -> Option<String> {
    let (_, query) = uri.split_once('?')?;
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .into_iter()
        .find(|(name, _)| *name == key)
        .map(|(_, value)| value.to_owned())
}
