//! What a fenced request sends, which breaks off if the fence has closed by the time it is sent.
//!
//! Between the decision to write and the writing there may be a new connection and its handshake, and a process can be
//! frozen anywhere in there. A request whose body never comes is none to the server.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http::{Method, Request};
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use kube::client::Body;
use tower::BoxError;

use super::Fence;

/// A body that asks its fence, if it has one, at the moment it is sent.
pub(crate) struct Fenced {
    body: Body,
    fence: Option<Fence>,
}

impl Fenced {
    /// `request`, with the fence it carries around its body if it may change something.
    pub(crate) fn around(request: Request<Body>) -> Request<Self> {
        let fence = match *request.method() {
            Method::GET => None,
            _ => request.extensions().get().cloned(),
        };
        request.map(|body| Self { body, fence })
    }
}

impl HttpBody for Fenced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(fence) = &self.fence {
            fence.check()?;
        }
        Pin::new(&mut self.body)
            .poll_frame(context)
            .map_err(BoxError::from)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
