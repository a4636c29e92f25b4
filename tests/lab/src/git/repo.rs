//! A bare repository and the things people do to one.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::commit::{Author, Commit};

/// The moment of a repository's first commit: 2026-01-01T00:00:00Z. Every later one is a minute after its parent.
const FIRST: i64 = 1_767_225_600;
const MINUTE: i64 = 60;

/// A bare repository on disk.
#[derive(Debug, Clone)]
pub struct BareRepo {
    path: PathBuf,
}

/// git did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// git could not be run.
    #[error("cannot run git: is it installed?")]
    Run(#[source] io::Error),
    /// git failed.
    #[error("git {command} failed: {message}")]
    Failed {
        /// What git was told.
        command: String,
        /// What git said.
        message: String,
    },
    /// A file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl BareRepo {
    /// An empty repository at `path`, ready to be served and pushed to; its default branch is `master`.
    pub fn create(path: &Path) -> Result<Self, GitError> {
        let repo = Self {
            path: path.to_owned(),
        };
        let target = path.display().to_string();
        run(
            Command::new("git"),
            &[
                "init",
                "--quiet",
                "--bare",
                "--initial-branch=master",
                &target,
            ],
        )?;
        repo.git(&["config", "http.receivepack", "true"])?;
        repo.git(&["config", "uploadpack.allowFilter", "true"])?;
        Ok(repo)
    }

    /// A config repo as a team has it after a while: `manifests/` and `overlays/` of `tree` on develop, promoted to
    /// staging and from there to master by merges.
    pub fn sample(path: &Path, tree: &Path) -> Result<Self, GitError> {
        let repo = Self::create(path)?;
        let mut first = Commit::on("develop", "shop: manifests and three overlays");
        for folder in ["manifests", "overlays"] {
            first = add_folder(first, tree, Path::new(folder))?;
        }
        repo.commit(first)?;
        repo.branch("master", "develop")?;
        repo.branch("staging", "develop")?;
        let notes = "# Shop\n\nEach branch is one environment: develop, staging, master.\n";
        repo.commit(
            Commit::on("develop", "docs: say which branch is which").write("README.md", notes),
        )?;
        repo.merge("staging", "develop")?;
        repo.merge("master", "staging")?;
        Ok(repo)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its `file://` URL.
    pub fn file_url(&self) -> String {
        format!("file://{}", self.path.display())
    }

    /// Makes a commit and returns its id.
    pub fn commit(&self, commit: Commit) -> Result<String, GitError> {
        let parent = self.tip(&commit.branch).ok();
        let branch = commit.branch.clone();
        let stream = commit.stream(parent.as_deref(), self.next_moment(parent.as_deref())?);
        let mut git = self.command();
        git.args(["fast-import", "--quiet", "--done"]);
        feed(git, &stream)?;
        self.tip(&branch)
    }

    /// Changes one file as an editor would and commits it; an edit that changes nothing is refused.
    pub fn edit(
        &self,
        branch: &str,
        path: &str,
        message: &str,
        change: impl FnOnce(String) -> String,
    ) -> Result<String, GitError> {
        let before = self.read(branch, path)?;
        let after = change(before.clone());
        if before == after {
            let command = format!("commit of {path} on {branch}");
            return Err(GitError::Failed {
                command,
                message: "the edit changes nothing".into(),
            });
        }
        self.commit(Commit::on(branch, message).write(path, after))
    }

    /// `git revert` of one commit, on top of the branch; returns the new commit's id.
    pub fn revert(&self, branch: &str, commit: &str) -> Result<String, GitError> {
        self.in_clone(branch, &["revert", "--no-edit", commit])
    }

    /// Merges branch `from` into `branch` by a merge commit; returns its id.
    pub fn merge(&self, branch: &str, from: &str) -> Result<String, GitError> {
        let message = format!("promote {from} to {branch}");
        let from = format!("origin/{from}");
        self.in_clone(
            branch,
            &["merge", "--quiet", "--no-ff", "-m", &message, &from],
        )
    }

    /// Begins a branch at a commit or at another branch, or moves it there, whatever it held before.
    pub fn branch(&self, name: &str, at: &str) -> Result<(), GitError> {
        self.git(&["update-ref", &format!("refs/heads/{name}"), &self.tip(at)?])
            .map(drop)
    }

    /// Rewrites history: moves the branch to the parent of its tip and puts `commit` there instead.
    pub fn force_push(&self, commit: Commit) -> Result<String, GitError> {
        let parent = format!("{}~1", self.tip(&commit.branch)?);
        self.branch(&commit.branch, &parent)?;
        self.commit(commit)
    }

    /// Deletes a branch.
    pub fn delete_branch(&self, name: &str) -> Result<(), GitError> {
        self.git(&["update-ref", "-d", &format!("refs/heads/{name}")])
            .map(drop)
    }

    /// The full id a revision (a branch, an id, `master~1`) stands for.
    pub fn tip(&self, revision: &str) -> Result<String, GitError> {
        self.git(&[
            "rev-parse",
            "--verify",
            "--quiet",
            &format!("{revision}^{{commit}}"),
        ])
    }

    /// The text of a file at a revision.
    pub fn read(&self, revision: &str, path: &str) -> Result<String, GitError> {
        let mut git = self.command();
        git.args(["show", &format!("{revision}:{path}")]);
        run(git, &[])
    }

    /// Any other git command in this repository; returns what it printed, trimmed.
    pub fn git(&self, args: &[&str]) -> Result<String, GitError> {
        run(self.command(), args).map(|text| text.trim().to_owned())
    }

    /// A commit that needs a work tree, made in a clone of its own and pushed.
    fn in_clone(&self, branch: &str, args: &[&str]) -> Result<String, GitError> {
        let moment = self.next_moment(Some(&self.tip(branch)?))?;
        let clone = tempfile::tempdir().map_err(GitError::Run)?;
        let (from, to) = (
            self.path.display().to_string(),
            clone.path().display().to_string(),
        );
        run(
            isolated(),
            &[
                "clone", "--quiet", "--shared", "--branch", branch, &from, &to,
            ],
        )?;
        let mut git = isolated();
        git.current_dir(clone.path());
        let (author, date) = (Author::default(), format!("{moment} +0000"));
        git.env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date);
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), &author.name);
            git.env(format!("GIT_{who}_EMAIL"), &author.email);
        }
        run(git, args)?;
        let mut push = isolated();
        push.current_dir(clone.path());
        run(
            push,
            &[
                "push",
                "--quiet",
                "origin",
                &format!("HEAD:refs/heads/{branch}"),
            ],
        )?;
        self.tip(branch)
    }

    fn next_moment(&self, parent: Option<&str>) -> Result<i64, GitError> {
        let Some(parent) = parent else {
            return Ok(FIRST);
        };
        let seconds = self.git(&["show", "--no-patch", "--format=%ct", parent])?;
        Ok(seconds
            .parse::<i64>()
            .map_or(FIRST, |seconds| seconds + MINUTE))
    }

    fn command(&self) -> Command {
        let mut git = isolated();
        git.arg("--git-dir").arg(&self.path);
        git
    }
}

/// git without the settings of whoever runs the test.
fn isolated() -> Command {
    let mut git = Command::new("git");
    git.env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        git.env_remove(variable);
    }
    git
}

fn run(mut git: Command, args: &[&str]) -> Result<String, GitError> {
    let output = git
        .args(args)
        .stdin(Stdio::null())
        .output()
        .map_err(GitError::Run)?;
    finish(&git, &output)
}

fn feed(mut git: Command, input: &[u8]) -> Result<String, GitError> {
    git.stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = git.spawn().map_err(GitError::Run)?;
    if let Some(mut stdin) = child.stdin.take() {
        // If git has ended early, its own words below say why.
        let _ = stdin.write_all(input);
    }
    let output = child.wait_with_output().map_err(GitError::Run)?;
    finish(&git, &output)
}

fn finish(git: &Command, output: &std::process::Output) -> Result<String, GitError> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words: Vec<_> = git.get_args().map(|arg| arg.to_string_lossy()).collect();
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(GitError::Failed {
        command: words.join(" "),
        message,
    })
}

fn add_folder(mut commit: Commit, tree: &Path, folder: &Path) -> Result<Commit, GitError> {
    let path = tree.join(folder);
    let failed = |source| GitError::Read {
        path: path.clone(),
        source,
    };
    let mut entries = fs::read_dir(&path)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let inside = folder.join(entry.file_name());
        commit = if entry.file_type().map_err(failed)?.is_dir() {
            add_folder(commit, tree, &inside)?
        } else {
            let content = fs::read(entry.path()).map_err(failed)?;
            commit.write(&inside.to_string_lossy(), content)
        };
    }
    Ok(commit)
}

#[cfg(test)]
mod tests;
