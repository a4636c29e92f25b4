//! Lines out of a body that never ends.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use tokio::time::{Instant, timeout};

/// No event is larger: the API server takes objects up to 3 MiB.
const LONGEST: usize = 16 << 20;
/// As much room is kept between two events.
const KEPT: usize = 64 << 10;

/// A body, read line by line.
pub(super) struct Lines {
    body: Incoming,
    begun: Instant,
    buffer: Buffer,
}

/// What has come, of which the first lines may be taken already.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    /// Up to here it is taken.
    taken: usize,
    /// Up to here there is no end of a line that is not taken.
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
            if self.buffer.waiting().len() > LONGEST {
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
        // Only here, so that of many lines that came at once none is moved for those before it.
        self.bytes.drain(..self.taken);
        (self.searched, self.taken) = (self.searched - self.taken, 0);
        self.bytes.extend_from_slice(data);
    }

    /// Takes the first whole line that is not empty.
    fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            let rest = &self.bytes[self.searched..];
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.bytes.len();
                self.give_back();
                return None;
            };
            let line = self.taken..self.searched + end;
            (self.taken, self.searched) = (line.end + 1, line.end + 1);
            if !line.is_empty() {
                return Some(self.bytes[line].to_vec());
            }
        }
    }

    /// A watch may be silent for hours after an event of a megabyte.
    fn give_back(&mut self) {
        if self.waiting().is_empty() && self.bytes.capacity() > KEPT {
            *self = Self::default();
        }
    }

    /// What is not taken.
    fn waiting(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_for_a_large_event_is_given_back_and_that_for_small_ones_is_kept() {
        let mut buffer = Buffer::default();
        for (size, kept) in [(1 << 20, false), (1 << 10, true), (1 << 10, true)] {
            let event = [vec![b'x'; size], b"\n".to_vec()].concat();
            buffer.add(&Bytes::from(event));
            assert_eq!(buffer.line().map(|line| line.len()), Some(size));
            assert_eq!(buffer.line(), None);
            assert_eq!(buffer.bytes.capacity() > 0, kept, "after {size} bytes");
        }
    }

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
            assert_eq!(buffer.waiting(), b"{\"cut");
        }
    }
}
