//! The user's own git, as a subprocess: their configuration, credentials and signing keys.
//!
//! Only commands that write to Git use it; the agent never does. Addresses in messages lose their passwords.

mod blame;
mod history;
mod repo;
mod tree;

pub(crate) use blame::{Blamed, blame};
pub(crate) use history::{Commit, RevertError};
pub(crate) use repo::{File, Message, PushError, Repo, RepoError};
pub(crate) use tree::tree;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::error::Explain;

/// Git in one directory.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    dir: PathBuf,
    env: Vec<(&'static str, OsString)>,
}

/// Why git did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    /// It could not be started.
    #[error("cannot run git")]
    Start(#[source] io::Error),
    /// It said no.
    #[error("`git {command}` failed: {told}")]
    Failed {
        /// The first words of the command.
        command: String,
        /// What it told, without passwords.
        told: String,
    },
}

impl Explain for GitError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Start(_) => "install git, and make sure it is on the PATH",
            Self::Failed { told, .. } if told.contains("tell me who you are") => {
                "set user.name and user.email in git's configuration (`image set` also takes `--author`)"
            }
            Self::Failed { told, .. } if told.contains("could not read Username") => {
                "set up a credential helper or token for git; it cannot ask here"
            }
            Self::Failed { .. } => return None,
        };
        Some(text.to_owned())
    }
}

impl Git {
    /// Git in `dir`.
    pub(crate) fn at(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            env: Vec::new(),
        }
    }

    /// The same with a variable set.
    pub(crate) fn with(&self, name: &'static str, value: impl Into<OsString>) -> Self {
        let mut git = self.clone();
        git.env.push((name, value.into()));
        git
    }

    /// What it prints, without the last line end.
    pub(crate) fn run(&self, args: &[&str]) -> Result<String, GitError> {
        let output = self.bytes(args, &[])?;
        Ok(String::from_utf8_lossy(&output).trim_end().to_owned())
    }

    /// What it prints when it reads `input`.
    pub(crate) fn bytes(&self, args: &[&str], input: &[u8]) -> Result<Vec<u8>, GitError> {
        let output = self.output(args, input)?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(failed(args, &output)),
        }
    }

    /// Whether it says yes; any answer but yes and no is an error.
    pub(crate) fn agrees(&self, args: &[&str]) -> Result<bool, GitError> {
        let output = self.output(args, &[])?;
        match output.status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(failed(args, &output)),
        }
    }

    /// Runs it to its end.
    pub(crate) fn output(&self, args: &[&str], input: &[u8]) -> Result<Output, GitError> {
        let mut child = self.command(args).spawn().map_err(GitError::Start)?;
        if let Some(mut stdin) = child.stdin.take() {
            // A git that ends without reading says why itself.
            let _ = stdin.write_all(input);
        }
        child.wait_with_output().map_err(GitError::Start)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(&self.dir)
            .args(args)
            .env("LC_ALL", "C")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if !io::stdin().is_terminal() {
            command.env("GIT_TERMINAL_PROMPT", "0");
        }
        command
    }
}

fn failed(args: &[&str], output: &Output) -> GitError {
    let words: Vec<&str> = args
        .iter()
        .copied()
        .skip_while(|word| word.starts_with('-') || word.contains('='))
        .take(1)
        .collect();
    let mut told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if told.is_empty() {
        told = format!("it ended with {}", output.status);
    }
    GitError::Failed {
        command: words.join(" "),
        told: redact(&told),
    }
}

/// `text` with user names and passwords taken out of addresses.
pub(crate) fn redact(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || "/'\"`".contains(c))
            .unwrap_or(after.len());
        let host = &after[..end];
        clean.push_str(host.rsplit_once('@').map_or(host, |(_, host)| host));
        rest = &after[end..];
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_passwords() {
        assert_eq!(
            redact(
                "fatal: unable to access 'https://ci:s3cret@git.example.com/a.git/': 403; see ssh://git@h/x"
            ),
            "fatal: unable to access 'https://git.example.com/a.git/': 403; see ssh://h/x"
        );
        assert_eq!(redact("https://token@h"), "https://h");
        assert_eq!(redact("no address"), "no address");
    }

    #[test]
    fn tells_what_git_told() {
        let error = Git::at("/")
            .run(&["rev-parse", "HEAD"])
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("`git rev-parse` failed: "), "{error}");
    }
}
