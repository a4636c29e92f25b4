//! One request and its answer, as the streams that Git's protocol code reads and writes.
//!
//! The request goes out when the answer is first asked for: by then its body is complete.

use std::{
    io::{self, BufRead, Cursor, Read, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use reqwest::header::HeaderMap;

use super::{
    answer::{chain, check},
    line::Line,
};
use crate::{FetchError, Reason, budget::Budget};

/// The content type of the greeting.
pub(super) const ADVERTISEMENT: &str = "application/x-git-upload-pack-advertisement";
/// The content type of the answer to a command.
pub(super) const RESULT: &str = "application/x-git-upload-pack-result";
/// A command lists what we want and have, never more than this.
const COMMAND_BYTES: usize = 4 << 20;

/// A request that may not have been sent yet.
pub(super) struct Exchange {
    line: Arc<Line>,
    budget: Arc<Budget>,
    request: Option<(String, HeaderMap, Vec<u8>)>,
    response: Option<reqwest::Response>,
}

type Shared = Arc<Mutex<Exchange>>;

impl Exchange {
    pub(super) fn begun(line: Arc<Line>, budget: Arc<Budget>, response: reqwest::Response) -> Self {
        Self {
            line,
            budget,
            request: None,
            response: Some(response),
        }
    }

    pub(super) fn pending(
        line: Arc<Line>,
        budget: Arc<Budget>,
        url: &str,
        headers: HeaderMap,
    ) -> Self {
        let request = Some((url.to_owned(), headers, Vec::new()));
        Self {
            line,
            budget,
            request,
            response: None,
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        let Some((url, headers, body)) = self.request.take() else {
            return Ok(());
        };
        let request = self.line.post(&url, headers, body);
        let answer = self.line.send(request, &self.budget);
        let answer = answer.and_then(|answer| check(&answer, RESULT).map(|()| answer));
        self.response = Some(answer.map_err(|fault| self.budget.fail(fault))?);
        Ok(())
    }

    /// The next bytes of the answer; none at its end.
    fn chunk(&mut self) -> io::Result<Vec<u8>> {
        self.begin()?;
        let Some(response) = &mut self.response else {
            return Ok(Vec::new());
        };
        let chunk = match self.line.wait(&self.budget, response.chunk())? {
            Ok(chunk) => chunk.map(|bytes| bytes.to_vec()).unwrap_or_default(),
            Err(error) => {
                let text = format!("the answer broke off: {}", chain(&error));
                return Err(self.budget.fail(FetchError::new(Reason::Interrupted, text)));
            }
        };
        if chunk.is_empty() {
            // Reading past the end must stay at the end.
            self.response = None;
        }
        self.budget.receive(chunk.len())?;
        Ok(chunk)
    }
}

/// The body to send.
pub(super) struct PostBody(Shared);

/// The headers of the answer. Only the content type matters to the reader, and it has been checked.
pub(super) struct Headers {
    exchange: Shared,
    kind: &'static str,
    text: Option<Cursor<String>>,
}

/// The body of the answer.
pub(super) struct Body {
    exchange: Shared,
    chunk: Cursor<Vec<u8>>,
}

impl PostBody {
    pub(super) fn new(exchange: Shared) -> Self {
        Self(exchange)
    }
}

impl Headers {
    pub(super) fn new(exchange: Shared, kind: &'static str) -> Self {
        Self {
            exchange,
            kind,
            text: None,
        }
    }
}

impl Body {
    pub(super) fn new(exchange: Shared) -> Self {
        Self {
            exchange,
            chunk: Cursor::default(),
        }
    }
}

impl Write for PostBody {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut exchange = lock(&self.0);
        let Some((_, _, body)) = &mut exchange.request else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        if body.len() + bytes.len() > COMMAND_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        body.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BufRead for Headers {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.text.is_none() {
            lock(&self.exchange).begin()?;
            self.text = Some(Cursor::new(format!("content-type: {}\n", self.kind)));
        }
        match &mut self.text {
            Some(text) => text.fill_buf(),
            None => Ok(&[]),
        }
    }

    fn consume(&mut self, count: usize) {
        if let Some(text) = &mut self.text {
            text.consume(count);
        }
    }
}

impl Read for Headers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_from(self, buffer)
    }
}

impl BufRead for Body {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.chunk.position() >= self.chunk.get_ref().len() as u64 {
            self.chunk = Cursor::new(lock(&self.exchange).chunk()?);
        }
        self.chunk.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.chunk.consume(count);
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_from(self, buffer)
    }
}

fn read_from(source: &mut impl BufRead, buffer: &mut [u8]) -> io::Result<usize> {
    let count = source.fill_buf()?.read(buffer)?;
    source.consume(count);
    Ok(count)
}

fn lock(exchange: &Shared) -> MutexGuard<'_, Exchange> {
    exchange.lock().unwrap_or_else(PoisonError::into_inner)
}
