//! What an answer means: status, content type, redirect, or none at all.

use std::{error::Error as _, time::Duration};

use reqwest::{StatusCode, Url, header};

use crate::{FetchError, Reason};

/// The part of a `GET` that a redirect must keep, or its target is no Git repository.
pub(super) const TAIL: &str = "/info/refs?service=git-upload-pack";

/// Where a redirect goes, if it stays on the same server and keeps to the protocol.
pub(super) fn target(from: &Url, response: &reqwest::Response) -> Result<Url, FetchError> {
    let location = response
        .headers()
        .get(header::LOCATION)
        .and_then(|to| to.to_str().ok());
    let to = location.and_then(|to| from.join(to).ok());
    let to =
        to.ok_or_else(|| FetchError::new(Reason::Redirected, "the server redirects to nowhere"))?;
    let shown = to.as_str().split('?').next().unwrap_or_default().to_owned();
    let text = format!("the server redirects to {shown}");
    match to.origin() == from.origin() && to.as_str().ends_with(TAIL) {
        true => Ok(to),
        false => Err(FetchError::new(Reason::Redirected, text)),
    }
}

/// What a status and content type say.
pub(super) fn check(response: &reqwest::Response, wanted: &str) -> Result<(), FetchError> {
    let status = response.status();
    let reason = match status {
        StatusCode::OK => return check_type(response, wanted),
        StatusCode::UNAUTHORIZED => Reason::AuthenticationFailed,
        StatusCode::FORBIDDEN => Reason::AccessDenied,
        StatusCode::NOT_FOUND | StatusCode::GONE => Reason::RepositoryNotFound,
        StatusCode::TOO_MANY_REQUESTS => Reason::RateLimited,
        _ if status.is_redirection() => Reason::Redirected,
        _ if status.is_server_error() => Reason::ServerFailed,
        _ => Reason::NotGit,
    };
    let wait = response.headers().get(header::RETRY_AFTER);
    let wait = wait.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let text = format!("the server answered {status}");
    Err(FetchError::new(reason, text).after(wait.map(Duration::from_secs)))
}

fn check_type(response: &reqwest::Response, wanted: &str) -> Result<(), FetchError> {
    let is = response.headers().get(header::CONTENT_TYPE);
    let is = is
        .and_then(|value| value.to_str().ok())
        .unwrap_or("nothing");
    if is == wanted {
        return Ok(());
    }
    let text = format!("the server answered with {is} where Git's {wanted} was due");
    Err(FetchError::new(Reason::NotGit, text))
}

/// Why no answer came.
pub(super) fn unsent(error: &reqwest::Error) -> FetchError {
    let text = chain(error);
    let tls = [
        "certificate",
        "TLS",
        "HandshakeFailure",
        "InvalidContentType",
        "UnknownCA",
    ];
    let reason = match () {
        () if error.is_timeout() => Reason::Timeout,
        () if tls.iter().any(|word| text.contains(word)) => Reason::TlsFailed,
        () if error.is_connect() => Reason::Unreachable,
        () => Reason::Interrupted,
    };
    FetchError::new(reason, text)
}

/// An error with its causes, each said once.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
