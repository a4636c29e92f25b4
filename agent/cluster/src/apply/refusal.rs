//! What the API server means when it refuses an object.
//!
//! Many of its reasons exist only as English sentences. All such sentences are in this file.

use kube::core::{Status, response::StatusCause};

use crate::{
    CallError, Resource,
    answer::{Failure, other},
    secret,
};

/// Why an object was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Other managers own fields with other values, and force was not asked for.
    #[error("{}", conflict(.0))]
    Conflict(Vec<FieldConflict>),
    /// The object is not valid; each fault names its field.
    #[error("{}", faults(.0))]
    Invalid(Vec<FieldFault>),
    /// It would change fields that cannot change; it can only be deleted and made anew.
    #[error("{} cannot be changed once set: {message}", field.as_deref().unwrap_or("a field"))]
    Immutable {
        /// Which, with commas between several: `spec.selector`; `spec` where the server says no more.
        field: Option<String>,
        /// The server's sentence.
        message: String,
    },
    /// Its namespace does not exist.
    #[error("namespace {0:?} does not exist")]
    NamespaceMissing(String),
    /// Its namespace is being deleted.
    #[error("namespace {0:?} is being deleted")]
    NamespaceTerminating(String),
    /// A webhook, a policy or an admission plugin said no.
    #[error("{by} refuses it: {message}")]
    AdmissionDenied {
        /// `admission webhook "x"`, `policy "x"`, `PodSecurity`.
        by: String,
        /// In its own words.
        message: String,
    },
    /// An admission webhook did not answer.
    #[error("admission webhook {webhook:?} does not answer: {message}")]
    AdmissionFailed {
        /// Which.
        webhook: String,
        /// What happened.
        message: String,
    },
    /// The object is larger than the API server or etcd takes.
    #[error("it is too large: {0}")]
    TooLarge(String),
    /// It would use more than the namespace may.
    #[error("{0}")]
    QuotaExceeded(String),
    /// Somebody else changed it in the same moment.
    #[error("it is being changed by somebody else at the same moment")]
    Contended,
    /// It is not about this object.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// A field that somebody else owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldConflict {
    /// `spec.replicas`
    pub field: String,
    /// `kubectl-edit`
    pub manager: String,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// `spec.replicas`; empty where the server names none.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl ApplyError {
    /// True if the same object may be accepted later without anybody changing it.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Call(error) => error.is_retryable(),
            // Each of these ends by something else that happens in the cluster.
            Self::NamespaceMissing(_)
            | Self::NamespaceTerminating(_)
            | Self::AdmissionFailed { .. }
            | Self::QuotaExceeded(_)
            | Self::Contended => true,
            Self::Conflict(_)
            | Self::Invalid(_)
            | Self::Immutable { .. }
            | Self::AdmissionDenied { .. }
            | Self::TooLarge(_) => false,
        }
    }
}

/// What a failed apply of an object of `resource` means.
pub(super) fn error(resource: &Resource, failure: Failure) -> ApplyError {
    let status = match failure {
        Failure::Call(error) => return ApplyError::Call(error),
        Failure::Refused(status) => *status,
    };
    let error = match status.code {
        404 => missing(status),
        409 => conflicting(&status),
        413 => ApplyError::TooLarge(status.message),
        400 | 403 | 422 | 500 => refused(resource, status),
        _ => ApplyError::Call(other(status)),
    };
    match resource.is_secret() {
        true => without_values(error),
        false => error,
    }
}

fn missing(status: Status) -> ApplyError {
    match &status.details {
        Some(details) if details.kind == "namespaces" => {
            ApplyError::NamespaceMissing(details.name.clone())
        }
        _ => ApplyError::Call(other(status)),
    }
}

fn conflicting(status: &Status) -> ApplyError {
    let causes = causes(status).filter(|cause| cause.reason == "FieldManagerConflict");
    let fields: Vec<_> = causes.map(field_conflict).collect();
    match fields.is_empty() {
        true => ApplyError::Contended,
        false => ApplyError::Conflict(fields),
    }
}

/// `conflict with "kubectl-edit" using apps/v1`
fn field_conflict(cause: &StatusCause) -> FieldConflict {
    let manager = cause.message.split('"').nth(1).unwrap_or("another manager");
    FieldConflict {
        field: cause.field.trim_start_matches('.').to_owned(),
        manager: manager.to_owned(),
    }
}

fn refused(resource: &Resource, mut status: Status) -> ApplyError {
    if let Some(error) = by_admission(&status) {
        return error;
    }
    let message = &status.message;
    if message.contains("request is too large")
        || message.contains("may not be more than 1048576 bytes")
    {
        return ApplyError::TooLarge(message.clone());
    }
    match status.code {
        422 => {
            if resource.is_secret() {
                secret::redact(&mut status);
            }
            invalid(&status)
        }
        403 => ApplyError::AdmissionDenied {
            by: "admission control".to_owned(),
            message: said(status.message),
        },
        _ => malformed(resource, status),
    }
}

/// What plugins, policies and webhooks say, whatever the code they say it with.
fn by_admission(status: &Status) -> Option<ApplyError> {
    let message = &status.message;
    if let Some((_, rest)) = message.split_once("failed calling webhook ") {
        let (webhook, message) = quoted(rest)?;
        let message = message.trim_start_matches(": ").to_owned();
        return Some(ApplyError::AdmissionFailed {
            webhook: webhook.to_owned(),
            message,
        });
    }
    if let Some(rest) = message.strip_prefix("admission webhook ") {
        let (webhook, rest) = quoted(rest)?;
        return Some(denied(
            format!("admission webhook {webhook:?}"),
            after(rest, "denied the request: "),
        ));
    }
    if let Some((_, rest)) = message.split_once("ValidatingAdmissionPolicy '") {
        let (policy, rest) = rest.split_once('\'')?;
        return Some(denied(
            format!("policy {policy:?}"),
            after(rest, "denied request: "),
        ));
    }
    if let Some((_, rest)) = message.split_once("is forbidden: violates PodSecurity ") {
        return Some(denied("PodSecurity".to_owned(), rest));
    }
    if message.contains("is forbidden: exceeded quota")
        || message.contains("is forbidden: failed quota")
    {
        return Some(ApplyError::QuotaExceeded(said(message.clone())));
    }
    terminating(status)
}

fn terminating(status: &Status) -> Option<ApplyError> {
    let told = causes(status).any(|cause| cause.reason == "NamespaceTerminating");
    let (_, rest) = status
        .message
        .split_once("unable to create new content in namespace ")?;
    let name = rest.split(' ').next()?;
    (told || rest.contains("being terminated"))
        .then(|| ApplyError::NamespaceTerminating(name.to_owned()))
}

fn denied(by: String, message: &str) -> ApplyError {
    ApplyError::AdmissionDenied {
        by,
        message: message.trim().to_owned(),
    }
}

fn invalid(status: &Status) -> ApplyError {
    let all: Vec<_> = causes(status).map(fault).collect();
    let message = said(status.message.clone());
    if all.is_empty() {
        return ApplyError::Invalid(vec![FieldFault {
            field: String::new(),
            message,
        }]);
    }
    // With any other fault beside it, making the object anew would not help.
    match all.iter().all(|fault| secret::is_immutable(&fault.message)) {
        true => {
            let message = all[0].message.clone();
            ApplyError::Immutable {
                field: named(&all),
                message,
            }
        }
        false => ApplyError::Invalid(all),
    }
}

fn named(faults: &[FieldFault]) -> Option<String> {
    let names = faults
        .iter()
        .map(|fault| fault.field.as_str())
        .filter(|field| !field.is_empty());
    Some(names.collect::<Vec<_>>().join(", ")).filter(|names| !names.is_empty())
}

fn fault(cause: &StatusCause) -> FieldFault {
    FieldFault {
        field: cause.field.clone(),
        message: shortened(&cause.message),
    }
}

/// 400 and 500: the object could not even be read as one of its kind. 500 is what the server says of unknown fields.
fn malformed(resource: &Resource, status: Status) -> ApplyError {
    const UNREADABLE: [&str; 4] = [
        "failed to create typed patch object",
        "failed to create manager for existing fields",
        "failed to convert new object",
        "cannot be handled as a",
    ];
    let message = &status.message;
    if status.code == 500 && !UNREADABLE.iter().any(|phrase| message.contains(phrase)) {
        return ApplyError::Call(other(status));
    }
    let field = secret::field_in(message).unwrap_or_default();
    if resource.is_secret() {
        let message = secret::refusal(message);
        return ApplyError::Invalid(vec![FieldFault {
            field: String::new(),
            message,
        }]);
    }
    let unreadable = format!("cannot be handled as a {}: ", resource.gvk.kind);
    let told = match message.split_once(&format!(".{field}: ")) {
        Some((_, rest)) if !field.is_empty() => rest,
        _ if message.contains("unknown field") && !field.is_empty() => {
            "field not declared in schema"
        }
        _ => after(after(message, &unreadable), "error decoding from json: "),
    };
    ApplyError::Invalid(vec![FieldFault {
        field,
        message: told.to_owned(),
    }])
}

/// What stays of an error about a Secret. Names of fields and of who refuses stay, sentences that may quote do not.
fn without_values(error: ApplyError) -> ApplyError {
    match error {
        ApplyError::AdmissionDenied { by, message } => ApplyError::AdmissionDenied {
            by,
            message: secret::refusal(&message),
        },
        ApplyError::AdmissionFailed { webhook, .. } => ApplyError::AdmissionFailed {
            webhook,
            message: "see the API server's log".to_owned(),
        },
        ApplyError::Call(CallError::Other { code, message }) => {
            ApplyError::Call(CallError::Other {
                code,
                message: secret::refusal(&message),
            })
        }
        error => error,
    }
}

fn causes(status: &Status) -> impl Iterator<Item = &StatusCause> {
    status.details.iter().flat_map(|details| &details.causes)
}

/// `"x": rest`
fn quoted(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('"')?.split_once('"')
}

fn after<'a>(text: &'a str, marker: &str) -> &'a str {
    text.split_once(marker).map_or(text, |(_, rest)| rest)
}

/// The sentence after `deployments.apps "web" is forbidden: ` or `… is invalid: `.
fn said(message: String) -> String {
    for marker in [" is forbidden: ", " is invalid: "] {
        if let Some((_, rest)) = message.split_once(marker) {
            return rest.to_owned();
        }
    }
    message
}

/// `Invalid value: <a page of Go>: field is immutable` without the page. What an immutable field was to become says
/// nothing about why it cannot.
fn shortened(message: &str) -> String {
    const LONG: usize = 200;
    match message.rsplit_once(": ") {
        Some((_, reason)) if message.len() > LONG || secret::is_immutable(reason) => {
            reason.to_owned()
        }
        _ => message.to_owned(),
    }
}

fn conflict(fields: &[FieldConflict]) -> String {
    let texts = fields
        .iter()
        .map(|FieldConflict { field, manager }| format!("{field} is owned by {manager:?}"));
    texts.collect::<Vec<_>>().join("; ")
}

fn faults(faults: &[FieldFault]) -> String {
    let text = |FieldFault { field, message }: &FieldFault| match field.is_empty() {
        true => message.clone(),
        false => format!("{field}: {message}"),
    };
    faults.iter().map(text).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
