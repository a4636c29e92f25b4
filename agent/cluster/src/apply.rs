//! Server-side apply of one object.

use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    CallError, Cluster, Facts, Resource,
    answer::{Answer, Ask, JSON, METADATA, METADATA_ONLY},
    error::garbage,
    resource::escape_into,
};

mod admission;
mod error;
mod refusal;
mod sentence;

pub use error::{ApplyError, FieldConflict, FieldFault};

const APPLY_PATCH: &str = "application/apply-patch+yaml";

/// What to apply.
#[derive(Clone, Copy, Debug)]
pub struct Apply<'a> {
    /// Its kind.
    pub resource: &'a Resource,
    /// Its namespace; empty for a cluster-scoped object.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The object, with every field that is to be ours and no other.
    pub body: &'a Value,
    /// Take fields from other managers instead of a conflict.
    pub force: bool,
    /// Change nothing, only say what would come of it.
    pub dry_run: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The object as it now is. `facts.owner` is the baseline that drift is told from.
    pub facts: Facts,
    /// Who owns which of its fields since when.
    pub managed_fields: Value,
    /// Whether anything about the object changed.
    pub changed: bool,
    /// Whether it was made.
    pub created: bool,
    /// The whole object as it would be; only of a dry run.
    pub body: Option<Value>,
    /// What the server warns of: deprecated versions, policies that only warn.
    pub warnings: Vec<String>,
}

impl Cluster {
    /// Makes an object have the fields of `request.body`, and drops fields of ours that are not in it.
    pub async fn apply(&self, request: Apply<'_>) -> Result<Applied, ApplyError> {
        let resource = request.resource;
        let begun = Instant::now();
        let answer = match self.ask(request.ask()).await {
            Ok(answer) => answer,
            Err(failure) => {
                let error = refusal::error(resource, failure);
                if matches!(error, ApplyError::Call(CallError::UnknownKind(_))) {
                    self.catalogue().forget(&resource.gvk);
                }
                return Err(error);
            }
        };
        applied(
            &request,
            &answer,
            begun.elapsed().try_into().unwrap_or(SignedDuration::MAX),
        )
        .map_err(ApplyError::Call)
    }
}

impl<'a> Apply<'a> {
    fn ask(&self) -> Ask<'a> {
        let mut path = self.resource.object_path(self.namespace, self.name);
        path.push_str("?fieldValidation=Strict&fieldManager=");
        escape_into(&mut path, api::names::FIELD_MANAGER);
        for (set, parameter) in [(self.force, "&force=true"), (self.dry_run, "&dryRun=All")] {
            if set {
                path.push_str(parameter);
            }
        }
        let body =
            serde_json::to_vec(self.body).expect("text because keys of JSON objects are strings");
        // Nobody looks at the body of what is applied, so the server need not send it.
        let accept = match (self.dry_run, self.resource.is_secret()) {
            (true, _) => JSON,
            (false, true) => METADATA_ONLY,
            (false, false) => METADATA,
        };
        Ask {
            method: Method::PATCH,
            path,
            accept,
            body: Some((APPLY_PATCH, body)),
            about: &self.resource.gvk,
        }
    }
}

fn applied(
    request: &Apply<'_>,
    answer: &Answer,
    took: SignedDuration,
) -> Result<Applied, CallError> {
    let mut body = answer.json()?;
    let facts = Facts::read(request.resource, &body)
        .map_err(|field| garbage(&format!("the object has no valid {field}")))?;
    if facts.id.name != request.name {
        return Err(garbage("it is another object"));
    }
    let created = answer.status == StatusCode::CREATED;
    Ok(Applied {
        managed_fields: body["metadata"]["managedFields"].take(),
        changed: created || is_fresh(&facts, answer, took),
        created,
        warnings: answer.warnings(),
        body: request.dry_run.then_some(body),
        facts,
    })
}

/// Whether our entry was written by this very call. An apply without effect leaves the entry's time alone, so a time
/// from before the call, by the server's own clock, means that nothing changed. Times have whole seconds: an entry
/// written up to two seconds before counts as fresh too.
fn is_fresh(facts: &Facts, answer: &Answer, took: SignedDuration) -> bool {
    let written = facts
        .owner
        .as_ref()
        .and_then(|owner| owner.time.as_deref()?.parse::<Timestamp>().ok());
    let date = answer
        .headers
        .get(http::header::DATE)
        .and_then(|date| date.to_str().ok());
    let answered = date.and_then(|date| rfc2822::parse(&date.replace("GMT", "+0000")).ok());
    match (written, answered) {
        (Some(written), Some(answered)) => {
            written >= answered.timestamp() - took - SignedDuration::from_secs(1)
        }
        // Without either nothing is certain, and a change that was none does less harm than one unseen.
        _ => true,
    }
}
