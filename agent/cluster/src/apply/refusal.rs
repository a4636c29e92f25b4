//! What the API server means when it refuses an object.
//!
//! Many of its reasons exist only as English sentences. All such sentences are here and in `admission`.

use kube::core::{Status, response::StatusCause};

use super::{
    admission,
    error::{ApplyError, FieldConflict, FieldFault},
    sentence::{after, causes, said, shortened},
};
use crate::{
    CallError, Resource,
    answer::{Failure, other},
    secret,
};

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
    if let Some(error) = admission::refusal(&status) {
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

#[cfg(test)]
mod tests;
