//! A branch's commits, and their undoing.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Git, GitError, Repo};

/// A commit of a branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Commit {
    /// Its full id.
    pub(crate) id: String,
    /// Whether it has more than one parent.
    pub(crate) merge: bool,
    /// Who wrote it.
    pub(crate) author: String,
    /// The first line of its message.
    pub(crate) subject: String,
}

/// Why commits could not be undone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RevertError {
    /// Later commits stand in the way.
    #[error("commit {} ({}) cannot be reverted without conflict in {}", .0.id, .0.subject, .1.join(", "))]
    Conflict(Commit, Vec<String>),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Repo {
    /// Whether `commit` is `tip` or one of its ancestors.
    pub(crate) fn contains(&self, commit: &str, tip: &str) -> Result<bool, GitError> {
        let known = format!("{commit}^{{commit}}");
        Ok(self
            .git
            .run(&["rev-parse", "--verify", "--quiet", &known])
            .is_ok()
            && self
                .git
                .agrees(&["merge-base", "--is-ancestor", commit, tip])?)
    }

    /// The branch's own commits after `good`, newest first. What a merge brought in counts as the merge.
    pub(crate) fn since(&self, good: &str, tip: &str) -> Result<Vec<Commit>, GitError> {
        let range = format!("{good}..{tip}");
        let format = "--format=%H%x00%P%x00%an%x00%s";
        let listed = self.git.run(&["log", "--first-parent", format, &range])?;
        Ok(listed.lines().filter_map(commit).collect())
    }

    /// The files that `commit` changed on the branch.
    pub(crate) fn touched(&self, commit: &Commit) -> Result<BTreeSet<String>, GitError> {
        self.changed(&format!("{}^1", commit.id), &commit.id)
    }

    /// The files that differ between two commits.
    pub(crate) fn changed(&self, from: &str, to: &str) -> Result<BTreeSet<String>, GitError> {
        let args = [
            "diff-tree",
            "-r",
            "-z",
            "--name-only",
            "--no-renames",
            from,
            to,
        ];
        let listed = self.git.run(&args)?;
        let names = listed.split('\0').filter(|name| !name.is_empty());
        Ok(names.map(str::to_owned).collect())
    }

    /// Undoes `commits`, which are newest first, on top of `tip`. Returns the new tip; it is `tip` itself if all of
    /// them are undone already.
    pub(crate) fn revert(&self, tip: &str, commits: &[Commit]) -> Result<String, RevertError> {
        let work = self.scratch().join("work");
        let path = work.display().to_string();
        self.git.run(&[
            "worktree", "add", "--quiet", "--detach", "--force", "--", &path, tip,
        ])?;
        let git = Git::at(&work);
        let outcome = commits.iter().try_for_each(|commit| revert(&git, commit));
        let tip = outcome.and_then(|()| Ok(git.run(&["rev-parse", "HEAD"])?));
        self.git
            .run(&["worktree", "remove", "--force", "--", &path])?;
        tip
    }
}

fn commit(line: &str) -> Option<Commit> {
    let mut parts = line.split('\0').map(str::to_owned);
    let (id, parents) = (parts.next()?, parts.next()?);
    Some(Commit {
        id,
        merge: parents.contains(' '),
        author: parts.next()?,
        subject: parts.next()?,
    })
}

fn revert(git: &Git, commit: &Commit) -> Result<(), RevertError> {
    let mut args = vec!["revert", "--no-edit"];
    if commit.merge {
        args.extend(["--mainline", "1"]);
    }
    args.push(&commit.id);
    let Err(error) = git.run(&args) else {
        return Ok(());
    };
    let unmerged = git.run(&["diff", "--name-only", "--diff-filter=U"])?;
    if !unmerged.is_empty() {
        let files = unmerged.lines().map(str::to_owned).collect();
        return Err(RevertError::Conflict(commit.clone(), files));
    }
    let stopped = git.agrees(&["rev-parse", "--verify", "--quiet", "REVERT_HEAD"])?;
    match stopped && git.agrees(&["diff", "--cached", "--quiet", "HEAD"])? {
        // It is undone already.
        true => Ok(git.run(&["revert", "--skip"]).map(drop)?),
        false => Err(error.into()),
    }
}
