//! Letting go of exactly one object: its label comes off, everything else stays.

use http::Method;
use serde_json::{Value, json};

use crate::{
    CallError, Cluster, Resource,
    answer::{Ask, Failure, METADATA, METADATA_ONLY, other},
    delete::is_other_uid,
    secret,
};

const MERGE_PATCH: &str = "application/merge-patch+json";

/// What to let go.
#[derive(Clone, Copy, Debug)]
pub struct Release<'a> {
    /// Its kind.
    pub resource: &'a Resource,
    /// Its namespace; empty for a cluster-scoped object.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its UID. A namesake made by somebody else is left alone.
    pub uid: &'a str,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// It carries no label of an Environment any more.
    Free,
    /// It does not exist (any more).
    Gone,
    /// Another object has its name now; nothing was changed.
    OtherUid,
}

/// Why it was not let go.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// A webhook or an admission plugin said no.
    #[error("taking its label off is refused: {0}")]
    Denied(String),
    /// It is not about this object.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Cluster {
    /// Takes the label that names its Environment off the object with this UID.
    pub async fn release(&self, request: Release<'_>) -> Result<Released, ReleaseError> {
        match self.ask(request.ask()).await {
            Ok(_) => Ok(Released::Free),
            Err(failure) if failure.is_missing_object(request.name) => Ok(Released::Gone),
            Err(Failure::Call(error)) => Err(error.into()),
            Err(Failure::Refused(status)) if is_other(status.code, &status.message) => {
                Ok(Released::OtherUid)
            }
            Err(Failure::Refused(status)) if matches!(status.code, 400 | 403 | 422) => {
                Err(ReleaseError::Denied(match request.resource.is_secret() {
                    true => secret::refusal(&status.message),
                    false => status.message,
                }))
            }
            Err(Failure::Refused(status)) => Err(other(*status).into()),
        }
    }
}

/// A UID cannot be changed, and so the server says: `metadata.uid: Invalid value: …: field is immutable`.
fn is_other(code: u16, message: &str) -> bool {
    is_other_uid(code, message) || code == 422 && message.contains("metadata.uid: Invalid value")
}

impl<'a> Release<'a> {
    fn ask(&self) -> Ask<'a> {
        // A UID in a patch is a precondition; null takes a key out.
        let patch = json!({ "metadata": {
            "uid": self.uid,
            "labels": { api::names::ENVIRONMENT_LABEL: Value::Null },
        } });
        let path = self.resource.object_path(self.namespace, self.name);
        Ask {
            method: Method::PATCH,
            path: format!("{path}?fieldManager={}", api::names::FIELD_MANAGER),
            accept: if self.resource.is_secret() {
                METADATA_ONLY
            } else {
                METADATA
            },
            body: Some((MERGE_PATCH, patch.to_string().into_bytes())),
            about: &self.resource.gvk,
        }
    }
}
