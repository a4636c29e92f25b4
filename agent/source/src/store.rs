//! The objects on disk: a bare repository of our own, or the repository of a `file://` address as it stands.
//!
//! Our own is a cache. Two processes never share one, and a spoiled one is thrown away and filled again.

mod check;
mod compact;
mod place;

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use gix::{
    ObjectId, ThreadSafeRepository, refs::transaction::PreviousValue, revision::walk::Sorting,
    traverse::commit::simple::CommitTimeOrder,
};

use crate::{Branch, Limits, RepoUrl, Revision, address::Place, fetch_error::plain};
use check::Complete;
pub(crate) use place::mirror_name;
use place::{Claim, claim, create, digest, open_in_place, open_or_create, reopen};

/// Where our references live; nothing of the remote's own names is ever written.
const OURS: &str = "refs/driftless/";
/// How far back from our tips commits are named to a server, to find a common one after a rewrite.
const HAVES: usize = 64;

/// Why a repository or its mirror cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A `file://` address with no repository behind it.
    #[error("{path} is no git repository: {why}", path = path.display())]
    NotARepository {
        /// The path looked at.
        path: PathBuf,
        /// What is missing.
        why: String,
    },
    /// Another process works with the mirror.
    #[error("the mirror {path} is in use by another process", path = path.display())]
    Locked {
        /// The mirror's lock file.
        path: PathBuf,
    },
    /// The cache directory cannot be used.
    #[error("the mirror {path} cannot be prepared", path = path.display())]
    Io {
        /// The file or directory concerned.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// One repository's objects and our own references.
pub(crate) struct Store {
    home: Home,
    repository: RwLock<ThreadSafeRepository>,
    /// Set by readers that found an object spoiled or lost.
    suspect: Arc<AtomicBool>,
    complete: Mutex<Complete>,
    object_bytes: u64,
}

enum Home {
    /// Somebody else's repository, only ever read.
    InPlace,
    /// Our cache, and nobody else's as long as the claim lives.
    Mirror { path: PathBuf, _claim: Claim },
}

impl Store {
    /// Opens the store of `url` below `cache`, made anew if it is missing or does not hold together.
    pub(crate) fn open(cache: &Path, url: &RepoUrl, limits: &Limits) -> Result<Self, OpenError> {
        let (home, repository) = if let Place::File(path) = url.place() {
            (Home::InPlace, open_in_place(path, limits.object_bytes)?)
        } else {
            let (path, claim) = claim(cache, url)?;
            let repository = open_or_create(&path, limits.object_bytes)?;
            (
                Home::Mirror {
                    path,
                    _claim: claim,
                },
                repository,
            )
        };
        Ok(Self {
            home,
            repository: RwLock::new(repository),
            suspect: Arc::default(),
            complete: Mutex::default(),
            object_bytes: limits.object_bytes,
        })
    }

    /// A handle of this thread's own.
    pub(crate) fn repository(&self) -> gix::Repository {
        let shared = self
            .repository
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        shared.to_thread_local()
    }

    pub(crate) fn is_in_place(&self) -> bool {
        matches!(self.home, Home::InPlace)
    }

    /// Where readers report an object that is spoiled or lost.
    pub(crate) fn suspect(&self) -> Arc<AtomicBool> {
        self.suspect.clone()
    }

    /// Prepares for a fetch: throws the mirror away if somebody found it spoiled, and starts an empty one; looks anew
    /// at a repository in place, which others write.
    pub(crate) fn heal(&self) -> Result<bool, OpenError> {
        let Home::Mirror { path, .. } = &self.home else {
            self.reopen();
            return Ok(false);
        };
        if !self.suspect.swap(false, Ordering::Relaxed) {
            return Ok(false);
        }
        tracing::warn!(mirror = %path.display(), "the mirror is spoiled and is filled again");
        self.replace(create(path, self.object_bytes)?);
        let mut complete = self.complete.lock().unwrap_or_else(PoisonError::into_inner);
        complete.clear();
        Ok(true)
    }

    /// Packs come and go, and a repository has room for only so many since it was opened.
    fn reopen(&self) {
        let path = self.repository().git_dir().to_owned();
        // What cannot be opened again is still open, and reading it gives the better error.
        if let Ok(fresh) = reopen(&path, self.object_bytes) {
            self.replace(fresh);
        }
    }

    fn replace(&self, fresh: ThreadSafeRepository) {
        let mut shared = self
            .repository
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *shared = fresh;
    }

    /// Fails unless the commit, its history and every file of its tree are here. The history of a repository in place
    /// is its owner's affair.
    pub(crate) fn check(&self, repository: &gix::Repository, id: ObjectId) -> Result<(), String> {
        let known = (!self.is_in_place()).then(|| self.tips(repository));
        if known.as_ref().is_some_and(|known| known.contains(&id)) {
            return Ok(());
        }
        let mut complete = self.complete.lock().unwrap_or_else(PoisonError::into_inner);
        check::connected(repository, id, known.as_ref(), &mut complete)
            .map_err(|error| plain(&error))
    }

    /// The commits our references name.
    pub(crate) fn tips(&self, repository: &gix::Repository) -> BTreeSet<ObjectId> {
        if self.is_in_place() {
            return BTreeSet::new();
        }
        ours(repository).unwrap_or_default()
    }

    /// Commits to name to a server as already here, newest first.
    pub(crate) fn haves(&self, repository: &gix::Repository) -> Vec<ObjectId> {
        let tips = self.tips(repository);
        let order = Sorting::ByCommitTime(CommitTimeOrder::NewestFirst);
        let walk = repository
            .rev_walk(tips.iter().copied())
            .sorting(order)
            .all();
        let near = walk.into_iter().flatten().map_while(Result::ok).take(HAVES);
        let near: BTreeSet<ObjectId> = near.map(|info| info.id).collect();
        tips.iter()
            .copied()
            .chain(near.difference(&tips).copied())
            .collect()
    }

    /// Remembers where a branch stands, so that its objects count as present from now on.
    pub(crate) fn mark(&self, branch: &Branch, revision: Revision) -> gix::Result {
        self.point("tip", branch.as_str(), revision)
    }

    /// Holds on to a revision in the name of `holder`, instead of the one held before.
    pub(crate) fn keep(&self, holder: &str, revision: Revision) -> gix::Result {
        self.point("kept", holder, revision)
    }

    /// Lets go of the revision that `holder` held.
    pub(crate) fn release(&self, holder: &str) -> gix::Result {
        if self.is_in_place() {
            return Ok(());
        }
        let name = format!("{OURS}kept/{}", digest(holder));
        match self.repository().try_find_reference(name.as_str())? {
            Some(reference) => reference.delete(),
            None => Ok(()),
        }
    }

    /// Rewrites many packs as one, when there are more than `most`.
    pub(crate) fn compact(&self, most: usize, halt: &AtomicBool) -> gix::Result {
        if !self.is_in_place() && compact::compact(&self.repository(), most, halt)? {
            self.reopen();
        }
        Ok(())
    }

    fn point(&self, kind: &str, owner: &str, revision: Revision) -> gix::Result {
        if self.is_in_place() {
            return Ok(());
        }
        let name = format!("{OURS}{kind}/{}", digest(owner));
        let repository = self.repository();
        repository.reference(name, revision.id(), PreviousValue::Any, "")?;
        Ok(())
    }
}

/// Removes a pack that turned out to be of no use, so that a faulty server cannot fill the disk.
pub(crate) fn discard(index: Option<&Path>) {
    if let Some(error) = index.and_then(|index| compact::remove(index).err()) {
        tracing::warn!(%error, "a useless pack could not be removed");
    }
}

fn ours(repository: &gix::Repository) -> gix::Result<BTreeSet<ObjectId>> {
    let references = repository.references()?;
    let found = references.prefixed(OURS)?;
    found
        .map(|reference| Ok(reference?.id().detach()))
        .collect()
}
