//! The edit as a commit on a branch, made again for as long as the branch moves.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::time::Duration;

use super::FILE_NAMES;
use super::edit::{EditError, Edited, edit};
use super::reference::Request;
use crate::error::{Exit, Explain};
use crate::git::{File, GitError, Message, PushError, Repo, RepoError};

/// How often a moved branch is met with a new attempt.
const ATTEMPTS: u32 = 12;
/// The first pause is at most this long; each further one twice as long as the one before, up to sixteen times.
const PAUSE: Duration = Duration::from_millis(200);

/// Where to commit, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    /// The branch.
    pub(crate) branch: &'a str,
    /// The overlay.
    pub(crate) path: &'a str,
    /// The commit's message.
    pub(crate) message: Message<'a>,
    /// Whether to push.
    pub(crate) push: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Committed {
    /// The file.
    pub(crate) file: String,
    /// Its text before.
    pub(crate) before: String,
    /// What was done to it.
    pub(crate) edited: Edited,
    /// The commit; none if the file says it all already.
    pub(crate) commit: Option<String>,
    /// How many attempts it took.
    pub(crate) attempts: u32,
}

/// Why there is no commit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommitError {
    /// No repository, no branch.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// No kustomization.
    #[error("no kustomization.yaml in `{path}` on branch `{branch}`")]
    NoFile {
        /// The overlay.
        path: String,
        /// The branch.
        branch: String,
    },
    /// Not a path.
    #[error("`{0}` is not a path inside the repo")]
    BadPath(String),
    /// Not a regular file.
    #[error("`{0}` is not a regular file of text")]
    NotText(String),
    /// The edit is not possible.
    #[error("cannot edit {file}")]
    Edit {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: EditError,
    },
    /// The server said no.
    #[error(transparent)]
    Push(PushError),
    /// Somebody else was faster each time.
    #[error("branch `{branch}` moved {ATTEMPTS} times while the commit was made")]
    Busy {
        /// Which.
        branch: String,
    },
}

impl Explain for CommitError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Repo(error) => error.hint(),
            Self::Git(error) => error.hint(),
            Self::NoFile { .. } | Self::BadPath(_) => {
                Some("name the overlay from the root of the repo with `--path`".to_owned())
            }
            Self::Edit { source, .. } => source.hint(),
            Self::Push(_) => {
                Some("does this user have the right to push to the branch?".to_owned())
            }
            Self::Busy { .. } => Some("try again".to_owned()),
            Self::NotText(_) => None,
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Push(PushError::Refused(_)) => Exit::Difference,
            _ => Exit::Error,
        }
    }
}

/// A file as it is at a commit.
struct Found {
    mode: String,
    path: String,
    text: String,
}

/// Edits, commits and pushes.
pub(crate) fn commit(
    repo: &Repo,
    target: &Target<'_>,
    requests: &[Request],
) -> Result<Committed, CommitError> {
    let path = normal(target.path)?;
    for attempt in 1..=ATTEMPTS {
        let tip = repo.fetch(target.branch, false)?;
        let found = find(repo, &tip, &path, target.branch)?;
        let edited = edit(&found.text, requests).map_err(|source| CommitError::Edit {
            file: found.path.clone(),
            source,
        })?;
        let mut done = Committed {
            file: found.path.clone(),
            before: found.text.clone(),
            edited,
            commit: None,
            attempts: attempt,
        };
        if done.edited.text == found.text {
            return Ok(done);
        }
        let file = File {
            mode: &found.mode,
            path: &found.path,
        };
        let content = done.edited.text.as_bytes();
        let commit = repo.commit_file(&tip, &file, content, &target.message)?;
        match target.push.then(|| repo.push(&commit, target.branch)) {
            Some(Err(PushError::Moved(_))) => std::thread::sleep(pause(attempt)),
            Some(Err(error)) => return Err(CommitError::Push(error)),
            Some(Ok(())) | None => {
                done.commit = Some(commit);
                return Ok(done);
            }
        }
    }
    Err(CommitError::Busy {
        branch: target.branch.to_owned(),
    })
}

/// The overlay's kustomization at `tip`.
fn find(repo: &Repo, tip: &str, path: &str, branch: &str) -> Result<Found, CommitError> {
    for name in FILE_NAMES {
        let file = match path {
            "" => name.to_owned(),
            _ => format!("{path}/{name}"),
        };
        let listed = repo
            .git
            .run(&["ls-tree", "-z", "--full-tree", tip, "--", &file])?;
        let Some((facts, _)) = listed.split_once('\t') else {
            continue;
        };
        let (Some(mode @ ("100644" | "100755")), Some(blob)) =
            (facts.split(' ').next(), facts.split(' ').nth(2))
        else {
            return Err(CommitError::NotText(file));
        };
        let bytes = repo.git.bytes(&["cat-file", "blob", blob], &[])?;
        let text = String::from_utf8(bytes).map_err(|_| CommitError::NotText(file.clone()))?;
        return Ok(Found {
            mode: mode.to_owned(),
            path: file,
            text,
        });
    }
    Err(CommitError::NoFile {
        path: match path {
            "" => ".".to_owned(),
            _ => path.to_owned(),
        },
        branch: branch.to_owned(),
    })
}

/// `path` without `.` and doubled slashes.
fn normal(path: &str) -> Result<String, CommitError> {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    match path.starts_with('/') || parts.contains(&"..") {
        true => Err(CommitError::BadPath(path.to_owned())),
        false => Ok(parts.join("/")),
    }
}

/// A random pause, longer from attempt to attempt, so that two who collide do not collide again.
fn pause(attempt: u32) -> Duration {
    let most = PAUSE * 2_u32.pow((attempt - 1).min(4));
    let share =
        f64::from(u32::try_from(RandomState::new().hash_one(attempt) >> 32).unwrap_or(u32::MAX));
    most.mul_f64(share / f64::from(u32::MAX))
}
