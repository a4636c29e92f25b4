//! What plugins, policies and webhooks say when they refuse an object.

use kube::core::Status;

use super::{
    error::ApplyError,
    sentence::{after, causes, said},
};

/// What plugins, policies and webhooks say, whatever the code they say it with.
pub(super) fn refusal(status: &Status) -> Option<ApplyError> {
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

/// `"x": rest`
fn quoted(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('"')?.split_once('"')
}
