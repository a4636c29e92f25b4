//! What the API server wrote down about every request: the ground truth a test judges by.
//!
//! The server writes an entry before it answers, so whoever got an answer finds its entry. Watches have two entries, one
//! when they begin and one when they end; everything else has one. The lab's policy records the bodies of writes, except
//! of Secrets and tokens, and none for the control plane's own parts.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

pub use entry::Entry;

mod entry;

/// Longer than any line: a request of at most 3 MB, and what was answered.
const LONGEST_LINE: u64 = 16 << 20;

/// How an entry tells that the asker had no right to it.
const FORBIDDEN: &[u8] = br#""authorization.k8s.io/decision":"forbid""#;

/// The audit log of one API server.
#[derive(Debug, Clone)]
pub struct Log {
    path: PathBuf,
}

/// A place in the log; entries after it are [`Log::since`] it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

/// Entries in the order they were written, with the questions tests ask.
#[derive(Debug, Clone, Default)]
pub struct Entries(Vec<Entry>);

impl Log {
    /// The log in this file.
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The end of the log as it is now.
    pub fn mark(&self) -> io::Result<Mark> {
        // No line is nearly as long as what is read, so the log may be large and this still quick.
        let length = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        let from = length.saturating_sub(LONGEST_LINE);
        let text = self.read(from)?;
        Ok(Mark(from + whole_lines(&text).len() as u64))
    }

    /// What was written after `mark`, which moves to the end of that.
    pub fn take(&self, mark: &mut Mark) -> io::Result<Entries> {
        let text = self.read(mark.0)?;
        let lines = whole_lines(&text);
        mark.0 += lines.len() as u64;
        parse(lines)
    }

    /// Everything written so far.
    pub fn entries(&self) -> io::Result<Entries> {
        self.since(Mark(0))
    }

    /// What was written after `mark`. A last line still being written is left for the next time.
    pub fn since(&self, mark: Mark) -> io::Result<Entries> {
        parse(whole_lines(&self.read(mark.0)?))
    }

    /// What was asked for after `mark` by whoever had no right to it. What admission refuses is not among it. Quick, however
    /// much was written.
    pub fn forbidden(&self, mark: Mark) -> io::Result<Entries> {
        let text = self.read(mark.0)?;
        let lines = whole_lines(&text);
        let mut found = Vec::new();
        for at in memchr::memmem::find_iter(lines, FORBIDDEN) {
            let start = memchr::memrchr(b'\n', &lines[..at]).map_or(0, |end| end + 1);
            let end = memchr::memchr(b'\n', &lines[at..]).map_or(lines.len(), |end| at + end);
            found.extend_from_slice(&lines[start..end]);
            found.push(b'\n');
        }
        parse(&found)
    }

    fn read(&self, from: u64) -> io::Result<Vec<u8>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            // Before the first request there is no file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(from))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        Ok(text)
    }
}

impl Entries {
    /// Those of one user: `system:serviceaccount:driftless-system:driftless`, or `lab:admin`. A request made under
    /// impersonation belongs to the user who asked for it, and `impersonated` tells as whom.
    #[must_use]
    pub fn by(&self, user: &str) -> Self {
        self.only(|entry| entry.user == user)
    }

    /// Those that change something or try to (a dry run does not).
    #[must_use]
    pub fn writes(&self) -> Self {
        self.only(|entry| entry.is_write() && !entry.dry_run)
    }

    /// Those that cost something in a quiet cluster: all but watches and lease renewals.
    #[must_use]
    pub fn work(&self) -> Self {
        self.only(|entry| !entry.is_watch() && !entry.is_lease_renewal())
    }

    /// Those that the server received from `start` on and before `end`.
    #[must_use]
    pub fn between(&self, start: Timestamp, end: Timestamp) -> Self {
        self.only(|entry| (start..end).contains(&entry.received))
    }

    /// Those about one kind, named in the plural: `deployments`.
    #[must_use]
    pub fn of(&self, resource: &str) -> Self {
        self.only(|entry| entry.resource == resource)
    }

    /// Those about objects in one namespace.
    #[must_use]
    pub fn within(&self, namespace: &str) -> Self {
        self.only(|entry| entry.namespace == namespace)
    }

    /// Those about objects of one name.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        self.only(|entry| entry.name == name)
    }

    /// Those that pass a test of the caller's own.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&Entry) -> bool) -> Self {
        Self(self.0.iter().filter(|entry| keep(entry)).cloned().collect())
    }

    /// Adds those of `others`, which came later.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// One line per entry, for the message of a failed assertion.
    pub fn summary(&self) -> String {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }
}

impl std::ops::Deref for Entries {
    type Target = [Entry];

    fn deref(&self) -> &[Entry] {
        &self.0
    }
}

fn parse(lines: &[u8]) -> io::Result<Entries> {
    let entries = lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).map_err(io::Error::from))
        .collect::<io::Result<Vec<Entry>>>()?;
    Ok(Entries(entries))
}

fn whole_lines(text: &[u8]) -> &[u8] {
    let end = text
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    &text[..end]
}

#[cfg(test)]
mod tests;
