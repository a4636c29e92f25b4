//! Deleting exactly one object: the one with this UID, or none.

use http::Method;
use serde_json::{Value, json};

use crate::{
    CallError, Cluster, Resource,
    answer::{Ask, Failure, JSON, METADATA, METADATA_ONLY, other},
    error::garbage,
    secret,
};

/// What to delete.
#[derive(Clone, Copy, Debug)]
pub struct Delete<'a> {
    /// Its kind.
    pub resource: &'a Resource,
    /// Its namespace; empty for a cluster-scoped object.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its UID. A namesake made by somebody else is left alone.
    pub uid: &'a str,
    /// What happens to the objects it owns.
    pub propagation: Propagation,
    /// Change nothing, only say what would come of it.
    pub dry_run: bool,
}

/// What happens to the objects that the deleted one owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    /// The garbage collector deletes them afterwards.
    #[default]
    Background,
    /// They are deleted first.
    Foreground,
    /// They stay.
    Orphan,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It does not exist (any more).
    Gone,
    /// It will be gone when these have agreed; none are named where it only needs time, as a Pod does.
    Pending(Vec<String>),
    /// Another object has its name now; nothing was deleted.
    OtherUid,
}

/// Why it was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// A webhook or an admission plugin said no. It may think better of it later.
    #[error("deletion is refused: {0}")]
    Denied(String),
    /// The delete has no UID, so it could hit anything.
    #[error("no UID to delete {0} by")]
    NoUid(krm::ObjectId),
    /// It is not about this object.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl DeleteError {
    /// True if it may succeed later without anybody changing anything in git.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Denied(_) => true,
            Self::NoUid(_) => false,
            Self::Call(error) => error.is_retryable(),
        }
    }
}

impl Cluster {
    /// Deletes the object with this UID.
    pub async fn delete(&self, request: Delete<'_>) -> Result<Deleted, DeleteError> {
        let Delete {
            resource,
            namespace,
            name,
            ..
        } = request;
        if request.uid.is_empty() {
            return Err(DeleteError::NoUid(resource.id(namespace, name)));
        }
        match self.ask(request.ask()).await {
            Ok(answer) => Ok(outcome(request.uid, &answer.json()?)?),
            Err(failure) if failure.is_missing_object(name) => Ok(Deleted::Gone),
            Err(Failure::Call(error)) => Err(error.into()),
            Err(Failure::Refused(status)) if is_other_uid(status.code, &status.message) => {
                Ok(Deleted::OtherUid)
            }
            Err(Failure::Refused(status)) if matches!(status.code, 400 | 403 | 422) => {
                Err(DeleteError::Denied(match resource.is_secret() {
                    true => secret::refusal(&status.message),
                    false => status.message,
                }))
            }
            Err(Failure::Refused(status)) => Err(other(*status).into()),
        }
    }
}

impl<'a> Delete<'a> {
    fn ask(&self) -> Ask<'a> {
        let policy = match self.propagation {
            Propagation::Background => "Background",
            Propagation::Foreground => "Foreground",
            Propagation::Orphan => "Orphan",
        };
        let mut options = json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": policy,
            "preconditions": { "uid": self.uid },
        });
        if self.dry_run {
            options["dryRun"] = json!(["All"]);
        }
        Ask {
            method: Method::DELETE,
            path: self.resource.object_path(self.namespace, self.name),
            accept: if self.resource.is_secret() {
                METADATA_ONLY
            } else {
                METADATA
            },
            body: Some((JSON, options.to_string().into_bytes())),
            about: &self.resource.gvk,
        }
    }
}

/// The server answers with a `Status` when the object is gone, and with the object when it is on the way.
fn outcome(uid: &str, answer: &Value) -> Result<Deleted, CallError> {
    let metadata = &answer["metadata"];
    match (
        answer["kind"] == "Status",
        answer["status"] == "Success",
        metadata["uid"] == uid,
    ) {
        (true, true, _) => Ok(Deleted::Gone),
        (false, _, true) if metadata["deletionTimestamp"].is_null() => Ok(Deleted::Gone),
        (false, _, true) => {
            let finalizers = metadata["finalizers"].as_array().into_iter().flatten();
            let names = finalizers.filter_map(Value::as_str).map(str::to_owned);
            Ok(Deleted::Pending(names.collect()))
        }
        _ => Err(garbage("it does not say what was deleted")),
    }
}

/// `Precondition failed: UID in precondition: …, UID in object meta: …`
pub(crate) fn is_other_uid(code: u16, message: &str) -> bool {
    code == 409
        && (message.contains("UID in precondition") || message.contains("UID in the precondition"))
}
