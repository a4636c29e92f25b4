//! Commits: who, when, what, and which came before which.

use gix::ObjectId;

use crate::{Revision, fetch_error::plain};

/// What a commit says about itself. Texts are one line and free of control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub revision: Revision,
    /// Who wrote the change.
    pub author: String,
    /// The author's mail address.
    pub author_email: String,
    /// Who made the commit.
    pub committer: String,
    /// When it was made, by the committer's clock, in seconds since 1970.
    pub time: i64,
    /// The committer's distance from UTC in seconds.
    pub offset: i32,
    /// The first line of its message.
    pub subject: String,
    /// The commits before it; the first is the line it was made on.
    pub parents: Vec<Revision>,
}

/// Why history cannot be told.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HistoryError {
    /// No such commit here.
    #[error("commit {0} is not in the mirror")]
    Missing(Revision),
    /// It is here and cannot be read.
    #[error("commit {revision} cannot be read: {why}")]
    Unreadable {
        /// The commit.
        revision: Revision,
        /// What Git says.
        why: String,
    },
}

pub(crate) fn commit(
    repository: &gix::Repository,
    revision: Revision,
) -> Result<Commit, HistoryError> {
    let object = find(repository, revision)?;
    let unreadable = |error: gix::Error| unreadable(revision, &error);
    let decoded = object.decode().map_err(unreadable)?;
    let author = decoded.author().map_err(unreadable)?;
    let committer = decoded.committer().map_err(unreadable)?;
    let time = object.time().map_err(unreadable)?;
    Ok(Commit {
        revision,
        author: plain(&author.name.to_string()),
        author_email: plain(&author.email.to_string()),
        committer: plain(&committer.name.to_string()),
        time: time.seconds,
        offset: time.offset,
        subject: plain(&decoded.message().summary().to_string()),
        parents: decoded.parents().map(Revision::new).collect(),
    })
}

/// Whether `old` is `new` or one of its ancestors.
pub(crate) fn descends(
    repository: &gix::Repository,
    new: Revision,
    old: Revision,
) -> Result<bool, HistoryError> {
    for revision in [new, old] {
        find(repository, revision)?;
    }
    if new == old {
        return Ok(true);
    }
    let bases = repository.merge_bases_many(new.id(), &[old.id()]);
    let bases = bases.map_err(|error| unreadable(new, &error))?;
    Ok(bases.iter().any(|base| base.detach() == old.id()))
}

/// Commits from `upto` back along first parents, at most `most`, without those that `after` has.
pub(crate) fn log(
    repository: &gix::Repository,
    after: Option<Revision>,
    upto: Revision,
    most: usize,
) -> Result<Vec<Commit>, HistoryError> {
    let mut commits = Vec::new();
    let mut next = Some(upto);
    while let Some(revision) = next.filter(|_| commits.len() < most) {
        if let Some(after) = after
            && descends(repository, after, revision)?
        {
            break;
        }
        let found = commit(repository, revision)?;
        next = found.parents.first().copied();
        commits.push(found);
    }
    Ok(commits)
}

fn find(repository: &gix::Repository, revision: Revision) -> Result<gix::Commit<'_>, HistoryError> {
    let id: ObjectId = revision.id();
    let object = repository
        .try_find_object(id)
        .map_err(|error| unreadable(revision, &error))?;
    let object = object.ok_or(HistoryError::Missing(revision))?;
    object
        .try_into_commit()
        .map_err(|error| unreadable(revision, &error))
}

fn unreadable(revision: Revision, error: &gix::Error) -> HistoryError {
    HistoryError::Unreadable {
        revision,
        why: plain(&error.to_string()),
    }
}
