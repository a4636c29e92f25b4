//! The body of an answer: whole, or cut in the middle the way a dropped connection cuts it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// A body held in memory.
pub(super) struct Answer {
    data: Option<Bytes>,
    cut: bool,
}

impl Answer {
    pub(super) fn whole(data: Bytes) -> Self {
        Self {
            data: Some(data),
            cut: false,
        }
    }

    /// The first half of `data`, then an error, at which the server drops the connection.
    pub(super) fn cut(data: &Bytes) -> Self {
        Self {
            data: Some(data.slice(..data.len() / 2)),
            cut: true,
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(match self.data.take() {
            Some(data) if !data.is_empty() => Some(Ok(Frame::data(data))),
            _ if self.cut => Some(Err(io::Error::other("cut by the lab"))),
            _ => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        match &self.data {
            Some(data) if !self.cut => SizeHint::with_exact(data.len() as u64),
            _ => SizeHint::default(),
        }
    }
}
