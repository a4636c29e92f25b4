//! Lines out of a body that never ends.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use tokio::time::{Instant, timeout};

/// No event is larger: the API server takes objects up to 3 MiB.
const LONGEST: usize = 16 << 20;

/// A body, read line by line.
pub(super) struct Lines {
    body: Incoming,
    begun: Instant,
    buffer: Buffer,
}

/// What has come and was not yet taken.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    /// Up to here there is no end of a line.
    searched: usize,
}

/// A line that is larger than any event can be.
#[derive(Debug)]
pub(super) struct TooLong;

impl Lines {
    pub(super) fn new(body: Incoming) -> Self {
        Self {
            body,
            begun: Instant::now(),
            buffer: Buffer::default(),
        }
    }

    /// The next line; none when the body ends, breaks, or is silent for too long.
    pub(super) async fn next(&mut self, silence: Duration) -> Option<Result<Vec<u8>, TooLong>> {
        loop {
            if let Some(line) = self.buffer.line() {
                return Some(Ok(line));
            }
            if self.buffer.bytes.len() > LONGEST {
                return Some(Err(TooLong));
            }
            let frame = timeout(silence, self.body.frame()).await.ok()??.ok()?;
            if let Ok(data) = frame.into_data() {
                self.buffer.add(&data);
            }
        }
    }

    /// For how long it has been read.
    pub(super) fn lived(&self) -> Duration {
        self.begun.elapsed()
    }
}

impl Buffer {
    fn add(&mut self, data: &Bytes) {
        self.bytes.extend_from_slice(data);
    }

    /// Takes the first whole line that is not empty.
    fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            let Some(end) = self.bytes[self.searched..]
                .iter()
                .position(|byte| *byte == b'\n')
            else {
                self.searched = self.bytes.len();
                return None;
            };
            let rest = self.bytes.split_off(self.searched + end + 1);
            let mut line = std::mem::replace(&mut self.bytes, rest);
            self.searched = 0;
            line.pop();
            if !line.is_empty() {
                return Some(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        let text = b"{\"a\":1}\n\n{\"b\":2}\n{\"cut";
        for size in 1..text.len() {
            let mut buffer = Buffer::default();
            let mut lines = Vec::new();
            for part in text.chunks(size) {
                buffer.add(&Bytes::copy_from_slice(part));
                lines.extend(std::iter::from_fn(|| buffer.line()));
            }
            assert_eq!(
                lines,
                [b"{\"a\":1}".to_vec(), b"{\"b\":2}".to_vec()],
                "in parts of {size}"
            );
            assert_eq!(buffer.bytes, b"{\"cut");
        }
    }
}
