//! A config repo to write to: a clone of the user's, or a bare repository made for the moment.
//!
//! Commits are made from objects, without a checkout: no file is converted, no hook runs on it, and the user's files
//! and branches are left alone.

use std::io;
use std::path::Path;

use tempfile::TempDir;

use super::{Git, GitError};
use crate::error::Explain;

/// What a server says when the branch is no longer where it was.
const MOVED: [&str; 6] = [
    "(fetch first)",
    "(non-fast-forward)",
    "(stale info)",
    "cannot lock ref",
    "failed to update ref",
    "incorrect old value",
];

/// A repository with a remote.
#[derive(Debug)]
pub(crate) struct Repo {
    /// Git in it.
    pub(crate) git: Git,
    /// The remote's name, or its address.
    pub(crate) remote: String,
    /// For index files; and the repository itself, if it is made for the moment.
    temp: TempDir,
    made: bool,
}

/// Why there is no repository, or not the branch.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RepoError {
    /// No place for it.
    #[error("cannot make a temporary directory")]
    Temp(#[source] io::Error),
    /// Not a clone.
    #[error("`{0}` is not a clone with a remote `{1}`")]
    NotAClone(String, String, #[source] GitError),
    /// The branch does not exist.
    #[error("the config repo has no branch `{0}`")]
    NoBranch(String),
    /// Not a name for a branch.
    #[error("`{0}` is not a name for a branch")]
    BadBranch(String),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Why a push did not go through.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PushError {
    /// Somebody else was faster.
    #[error("branch `{0}` moved")]
    Moved(String),
    /// The server said no.
    #[error("the server refuses the push: {0}")]
    Refused(String),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Explain for RepoError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NotAClone(..) => Some("give the address of the config repo with `--repo URL`, or a clone with `--clone DIR`".to_owned()),
            Self::NoBranch(_) | Self::BadBranch(_) | Self::Temp(_) => None,
            Self::Git(error) => error.hint(),
        }
    }
}

impl Repo {
    /// The clone in `dir`.
    pub(crate) fn open(dir: &Path, remote: &str) -> Result<Self, RepoError> {
        let git = Git::at(dir);
        git.run(&["remote", "get-url", "--", remote])
            .map_err(|error| {
                RepoError::NotAClone(dir.display().to_string(), remote.to_owned(), error)
            })?;
        Ok(Self {
            git,
            remote: remote.to_owned(),
            temp: tempfile::tempdir().map_err(RepoError::Temp)?,
            made: false,
        })
    }

    /// An empty repository that fetches from `url`.
    pub(crate) fn temporary(url: &str) -> Result<Self, RepoError> {
        let temp = tempfile::tempdir().map_err(RepoError::Temp)?;
        let dir = temp.path().join("repo.git");
        let path = dir.display().to_string();
        Git::at(temp.path()).run(&["init", "--quiet", "--bare", "--", &path])?;
        let git = Git::at(dir);
        git.run(&["remote", "add", "--", "origin", url])?;
        Ok(Self {
            git,
            remote: "origin".to_owned(),
            temp,
            made: true,
        })
    }

    /// Whether it goes away when the program ends.
    pub(crate) const fn is_temporary(&self) -> bool {
        self.made
    }

    /// A directory for what is needed for the moment.
    pub(crate) fn scratch(&self) -> &Path {
        self.temp.path()
    }

    /// Fetches the branch and returns its tip. `all` asks for its whole history.
    pub(crate) fn fetch(&self, branch: &str, all: bool) -> Result<String, RepoError> {
        let full = format!("refs/heads/{branch}");
        if !self.git.agrees(&["check-ref-format", &full])? {
            return Err(RepoError::BadBranch(branch.to_owned()));
        }
        let mut args = vec!["fetch", "--quiet", "--no-tags"];
        if self.made && !all {
            // A user's clone is never made shallow.
            args.push("--depth=1");
        }
        args.extend(["--", &self.remote, &full]);
        match self.git.run(&args) {
            Err(GitError::Failed { told, .. }) if told.contains("couldn't find remote ref") => {
                Err(RepoError::NoBranch(branch.to_owned()))
            }
            other => Ok(other.map(drop)?),
        }?;
        Ok(self
            .git
            .run(&["rev-parse", "--verify", "FETCH_HEAD^{commit}"])?)
    }

    /// Pushes `commit` as the branch. Only ever forward.
    pub(crate) fn push(&self, commit: &str, branch: &str) -> Result<(), PushError> {
        let spec = format!("{commit}:refs/heads/{branch}");
        let args = ["push", "--porcelain", "--", &self.remote, &spec];
        let output = self.git.output(&args, &[])?;
        if output.status.success() {
            return Ok(());
        }
        let told = format!(
            "{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        if MOVED.iter().any(|sign| told.contains(sign)) {
            return Err(PushError::Moved(branch.to_owned()));
        }
        match told.lines().find(|line| line.starts_with("!\t")) {
            Some(line) => {
                let remote: Vec<&str> = told
                    .lines()
                    .filter_map(|line| line.strip_prefix("remote: "))
                    .map(str::trim)
                    .filter(|line| !line.is_empty())
                    .collect();
                let reason = line.rsplit('\t').next().unwrap_or(line);
                Err(PushError::Refused(super::redact(
                    &[&[reason], &remote[..]].concat().join("; "),
                )))
            }
            None => Err(super::failed(&args, &output).into()),
        }
    }

    /// Commits `message` on `parent` with `file` replaced by `content`; nothing points to the commit yet.
    pub(crate) fn commit_file(
        &self,
        parent: &str,
        file: &File<'_>,
        content: &[u8],
        message: &Message<'_>,
    ) -> Result<String, GitError> {
        let index = self.scratch().join("index");
        // A retry begins afresh; an index that is not there is fine.
        let _ = std::fs::remove_file(&index);
        let git = self.git.with("GIT_INDEX_FILE", index);
        git.run(&["read-tree", parent])?;
        let blob = git.bytes(&["hash-object", "-w", "--stdin"], content)?;
        let blob = String::from_utf8_lossy(&blob).trim().to_owned();
        let entry = format!("{},{blob},{}", file.mode, file.path);
        git.run(&["update-index", "--cacheinfo", &entry])?;
        let tree = git.run(&["write-tree"])?;
        message.commit(&git, &tree, parent)
    }
}

/// A file of a tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct File<'a> {
    /// Its mode, such as `100644`.
    pub(crate) mode: &'a str,
    /// Where it is.
    pub(crate) path: &'a str,
}

/// What a commit says, and in whose name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// The message.
    pub(crate) text: &'a str,
    /// Name and mail, if they are not git's own.
    pub(crate) author: Option<(&'a str, &'a str)>,
}

impl Message<'_> {
    /// Git that commits in that name.
    pub(crate) fn sign(&self, git: &Git) -> Git {
        match self.author {
            None => git.clone(),
            Some((name, mail)) => git
                .with("GIT_AUTHOR_NAME", name)
                .with("GIT_AUTHOR_EMAIL", mail)
                .with("GIT_COMMITTER_NAME", name)
                .with("GIT_COMMITTER_EMAIL", mail),
        }
    }

    fn commit(&self, git: &Git, tree: &str, parent: &str) -> Result<String, GitError> {
        // Plumbing does not look at this setting by itself.
        let signed =
            git.run(&["config", "--type=bool", "--default=false", "commit.gpgSign"])? == "true";
        let mut args = vec!["commit-tree", tree, "-p", parent];
        if signed {
            args.push("-S");
        }
        let id = self
            .sign(git)
            .bytes(&args, format!("{}\n", self.text).as_bytes())?;
        Ok(String::from_utf8_lossy(&id).trim().to_owned())
    }
}
