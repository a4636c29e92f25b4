//! How a command fails: what is said, and which exit code.
//!
//! Each operation has its own error type; at the edge they become a [`Failure`], which is printed once as a chain of
//! causes with a hint. A cause that its parent quotes already is dropped, because some libraries quote theirs.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use anstream::ColorChoice;

use crate::term::{self, style};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or in sync.
    Good,
    /// Drift, a difference, or refused.
    Difference,
    /// Something went wrong.
    Error,
}

/// An error that knows what its reader can do about it.
pub(crate) trait Explain: Error + Send + Sync + 'static {
    /// The next thing to try.
    fn hint(&self) -> Option<String> {
        None
    }

    /// The exit code.
    fn exit(&self) -> Exit {
        Exit::Error
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    error: Box<dyn Error + Send + Sync>,
    hint: Option<String>,
    exit: Exit,
}

/// The async runtime could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start threads")]
pub(crate) struct StartError(#[source] pub(crate) io::Error);

/// Standard output could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the answer")]
struct OutputError(#[source] io::Error);

impl Explain for StartError {}
impl Explain for OutputError {}

impl<E: Explain> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            hint: error.hint(),
            exit: error.exit(),
            error: Box::new(error),
        }
    }
}

impl From<io::Error> for Failure {
    /// The only bare IO is writing the answer. A reader that has seen enough (`| head`) is no error.
    fn from(error: io::Error) -> Self {
        let closed = error.kind() == io::ErrorKind::BrokenPipe;
        let mut failure = Self::from(OutputError(error));
        if closed {
            failure.exit = Exit::Good;
        }
        failure
    }
}

impl Failure {
    /// Tells the user, and returns the exit code.
    pub(crate) fn print(&self, color: ColorChoice) -> Exit {
        if self.exit != Exit::Good {
            // If standard error is closed there is nobody left to tell.
            let _ = self.write(&mut term::stderr(color));
        }
        self.exit
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let (bad, dim, hint) = (style::BAD.bold(), style::DIM, style::NOTE.bold());
        let mut said = self.error.to_string();
        writeln!(out, "{bad}error:{bad:#} {said}")?;
        let mut cause = self.error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !said.contains(&text) {
                writeln!(out, "  {dim}caused by:{dim:#} {text}")?;
                said = text;
            }
            cause = error.source();
        }
        match &self.hint {
            Some(text) => writeln!(out, "\n{hint}hint:{hint:#} {text}"),
            None => Ok(()),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Good => Self::SUCCESS,
            Exit::Difference => Self::from(1),
            Exit::Error => Self::from(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    impl Explain for Link {
        fn hint(&self) -> Option<String> {
            Some("look again".to_owned())
        }
    }

    fn printed(texts: &[&'static str]) -> String {
        let link = texts
            .iter()
            .rev()
            .fold(None, |source, text| Some(Box::new(Link { text, source })));
        let mut out = Vec::new();
        Failure::from(*link.unwrap()).write(&mut out).unwrap();
        anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string()
    }

    #[test]
    fn drops_a_cause_its_parent_quotes() {
        assert_eq!(
            printed(&["cannot fetch", "http: timed out after 5s", "timed out"]),
            "error: cannot fetch\n  caused by: http: timed out after 5s\n\nhint: look again\n"
        );
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        assert_eq!(
            Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).exit,
            Exit::Good
        );
        assert_eq!(
            Failure::from(io::Error::from(io::ErrorKind::StorageFull)).exit,
            Exit::Error
        );
    }
}
