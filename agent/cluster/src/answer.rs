//! One request, one answer, and what went wrong in between.

use std::{error::Error, time::Duration};

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Either, LengthLimitError};
use hyper::body::{Bytes, Incoming};
use kube::{client::Body, core::Status};
use serde_json::Value;
use tower::{BoxError, ServiceExt as _};

use crate::{
    CallError, Cluster,
    fence::NotHeld,
    guard::{self, AnswerBody, TimedOut},
};

/// Plain JSON.
pub(crate) const JSON: &str = "application/json";
/// One object, metadata only; whole where the server knows no better.
pub(crate) const METADATA: &str =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
/// Metadata only, and nothing else.
pub(crate) const METADATA_ONLY: &str =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// The same for lists.
pub(crate) const METADATA_LIST: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
/// The same for lists of Secrets.
pub(crate) const METADATA_LIST_ONLY: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// No server may make us wait longer than this.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// What to send.
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) accept: &'static str,
    /// Type and text.
    pub(crate) body: Option<(&'static str, Vec<u8>)>,
    /// What it is about, for the message when the server has no such kind: `apps/v1 Deployment`.
    pub(crate) about: &'a (dyn std::fmt::Display + Sync),
}

/// A good answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What came instead of a good answer.
pub(crate) enum Failure {
    /// The server said no.
    Refused(Box<Status>),
    /// Anything else.
    Call(CallError),
}

impl Cluster {
    /// Sends and takes in the whole answer.
    pub(crate) async fn ask(&self, ask: Ask<'_>) -> Result<Answer, Failure> {
        let (parts, body) = self.send(ask).await?.into_parts();
        let body = whole(body)
            .await
            .map_err(|error| Failure::Call(self.broken(&*error)))?;
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }

    /// Sends and hands on the answer as it comes.
    pub(crate) async fn ask_stream(&self, ask: Ask<'_>) -> Result<Incoming, Failure> {
        match self.send(ask).await?.into_body() {
            Either::Right(body) => Ok(body),
            Either::Left(_) => Err(Failure::Call(CallError::Garbage(
                "a watch that does not stream".into(),
            ))),
        }
    }

    /// Why the connection broke, in the words of the innermost reason.
    pub(crate) fn broken(&self, error: &(dyn Error + 'static)) -> CallError {
        if let Some(TimedOut(after)) = find(error) {
            return CallError::Timeout(*after);
        }
        if let Some(NotHeld) = find(error) {
            return CallError::NotHeld;
        }
        if find::<LengthLimitError>(error).is_some() {
            return CallError::Garbage("it is larger than any answer should be".into());
        }
        let mut innermost = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        CallError::Unreachable {
            server: self.server().to_owned(),
            why: innermost.to_string(),
        }
    }

    async fn send(&self, ask: Ask<'_>) -> Result<Response<AnswerBody>, Failure> {
        let about = ask.about;
        let answer = self.transport().oneshot(request(ask)).await;
        let answer = answer.map_err(|error| Failure::Call(self.broken(&*error)))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        let body = whole(body)
            .await
            .map_err(|error| Failure::Call(self.broken(&*error)))?;
        Err(failure(parts.status, &parts.headers, &body, about))
    }
}

impl Answer {
    /// The JSON in it.
    pub(crate) fn json(&self) -> Result<Value, CallError> {
        serde_json::from_slice(&self.body)
            .map_err(|_| CallError::Garbage(shape(self.status, &self.headers)))
    }

    /// What the server warns of.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let texts = self
            .headers
            .get_all(header::WARNING)
            .iter()
            .filter_map(|value| value.to_str().ok());
        texts.filter_map(warning).collect()
    }
}

impl Failure {
    /// For calls whose refusals need no closer look.
    pub(crate) fn plain(self) -> CallError {
        match self {
            Self::Refused(status) => other(*status),
            Self::Call(error) => error,
        }
    }

    /// True if the server said that this very object does not exist.
    pub(crate) fn is_missing_object(&self, name: &str) -> bool {
        match self {
            Self::Refused(status) => {
                let named = status
                    .details
                    .as_ref()
                    .is_some_and(|details| details.name == name);
                status.code == 404 && named
            }
            Self::Call(_) => false,
        }
    }
}

/// A refusal that says nothing special.
pub(crate) fn other(status: Status) -> CallError {
    CallError::Other {
        code: status.code,
        message: status.message,
    }
}

fn request(ask: Ask<'_>) -> Request<Body> {
    let (content_type, body) = match ask.body {
        Some((content_type, body)) => (Some(content_type), Body::from(body)),
        None => (None, Body::empty()),
    };
    let mut request = Request::new(body);
    *request.method_mut() = ask.method;
    *request.uri_mut() = ask
        .path
        .parse()
        .expect("a valid address because every part of it is escaped");
    let headers = request.headers_mut();
    headers.insert(header::ACCEPT, HeaderValue::from_static(ask.accept));
    if let Some(content_type) = content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    request
}

async fn whole(body: AnswerBody) -> Result<Bytes, BoxError> {
    Ok(body.collect().await?.to_bytes())
}

fn failure(
    code: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    about: &(dyn std::fmt::Display + Sync),
) -> Failure {
    let status = serde_json::from_slice::<Status>(body)
        .ok()
        .filter(|status| !status.message.is_empty());
    if code == StatusCode::TOO_MANY_REQUESTS
        && status
            .as_ref()
            .is_none_or(|s| s.reason == "TooManyRequests")
    {
        let after = guard::retry_after(headers).unwrap_or(Duration::from_secs(1));
        return Failure::Call(CallError::Throttled {
            after: after.min(LONGEST_WAIT),
        });
    }
    let plain = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let mut status = match status {
        Some(status) => status,
        None if plain => Status::failure(&first_line(body), ""),
        None => return Failure::Call(CallError::Garbage(shape(code, headers))),
    };
    status.code = code.as_u16();
    match status.code {
        401 => Failure::Call(CallError::Unauthorized(status.message)),
        403 if is_rbac(&status.message) => Failure::Call(CallError::Forbidden(status.message)),
        404 if names_nothing(&status) => Failure::Call(CallError::UnknownKind(about.to_string())),
        _ => Failure::Refused(Box::new(status)),
    }
}

/// RBAC names the user who may not; every other 403 is the word of an admission plugin.
fn is_rbac(message: &str) -> bool {
    message.contains("forbidden: User ") || message.contains("is not allowed to impersonate")
}

/// A 404 about the address and not about an object.
fn names_nothing(status: &Status) -> bool {
    status
        .details
        .as_ref()
        .is_none_or(|details| details.name.is_empty())
}

fn first_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(300)]);
    text.lines().next().unwrap_or_default().trim().to_owned()
}

fn shape(code: StatusCode, headers: &HeaderMap) -> String {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    format!("{code} with {}", kind.unwrap_or("no content type"))
}

/// The text of `299 - "text"`.
fn warning(header: &str) -> Option<String> {
    let text = header.split_once('"')?.1.rsplit_once('"')?.0;
    Some(text.replace("\\\"", "\"").replace("\\\\", "\\"))
}

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
