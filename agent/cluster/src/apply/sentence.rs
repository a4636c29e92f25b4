//! What matters in a sentence of the API server.

use kube::core::{Status, response::StatusCause};

use crate::secret;

pub(super) fn causes(status: &Status) -> impl Iterator<Item = &StatusCause> {
    status.details.iter().flat_map(|details| &details.causes)
}

pub(super) fn after<'a>(text: &'a str, marker: &str) -> &'a str {
    text.split_once(marker).map_or(text, |(_, rest)| rest)
}

/// The sentence after `deployments.apps "web" is forbidden: ` or `… is invalid: `.
pub(super) fn said(message: String) -> String {
    for marker in [" is forbidden: ", " is invalid: "] {
        if let Some((_, rest)) = message.split_once(marker) {
            return rest.to_owned();
        }
    }
    message
}

/// `Invalid value: <a page of Go>: field is immutable` without the page. What an immutable field was to become says
/// nothing about why it cannot.
pub(super) fn shortened(message: &str) -> String {
    const LONG: usize = 200;
    match message.rsplit_once(": ") {
        Some((_, reason)) if message.len() > LONG || secret::is_immutable(reason) => {
            reason.to_owned()
        }
        _ => message.to_owned(),
    }
}
