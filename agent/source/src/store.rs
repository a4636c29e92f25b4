//! The objects on disk: a bare repository of our own, or the repository of a `file://` address as it stands.
//!
//! Our own is a cache. Two processes never share one, and a spoiled one is thrown away and filled again.

mod check;
mod compact;

use std::{
    collections::BTreeSet,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use gix::{ObjectId, ThreadSafeRepository, refs::transaction::PreviousValue};
use sha2::{Digest, Sha256};

use crate::{Branch, Limits, RepoUrl, Revision, address::Place, fetch_error::plain};
use check::Complete;

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
    /// Our cache; the lock is held as long as the file is open.
    Mirror { path: PathBuf, _lock: File },
}

impl Store {
    /// Opens the store of `url` below `cache`, made anew if it is missing or does not hold together.
    pub(crate) fn open(cache: &Path, url: &RepoUrl, limits: &Limits) -> Result<Self, OpenError> {
        let (home, repository) = match url.place() {
            Place::File(path) => (Home::InPlace, open_in_place(path, limits.object_bytes)?),
            _ => {
                let (path, lock) = claim(cache, url)?;
                let repository = open_or_create(&path, limits.object_bytes)?;
                (Home::Mirror { path, _lock: lock }, repository)
            }
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

    /// Throws the mirror away if somebody found it spoiled, and starts an empty one.
    pub(crate) fn heal(&self) -> Result<bool, OpenError> {
        let Home::Mirror { path, .. } = &self.home else {
            return Ok(false);
        };
        if !self.suspect.swap(false, Ordering::Relaxed) {
            return Ok(false);
        }
        tracing::warn!(mirror = %path.display(), "the mirror is spoiled and is filled again");
        let fresh = create(path, self.object_bytes)?;
        *self
            .repository
            .write()
            .unwrap_or_else(PoisonError::into_inner) = fresh;
        self.complete
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        Ok(true)
    }

    /// Fails unless the commit, its history and every file of its tree are here.
    pub(crate) fn check(&self, repository: &gix::Repository, id: ObjectId) -> Result<(), String> {
        let known = self.tips(repository);
        if known.contains(&id) {
            return Ok(());
        }
        let mut complete = self.complete.lock().unwrap_or_else(PoisonError::into_inner);
        check::connected(repository, id, &known, &mut complete).map_err(|error| plain(&error))
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
        let order = gix::revision::walk::Sorting::ByCommitTime(Default::default());
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

    /// Rewrites many packs as one, when there are more than `most`.
    pub(crate) fn compact(&self, most: usize, halt: &AtomicBool) -> gix::Result<bool> {
        match self.is_in_place() {
            true => Ok(false),
            false => compact::compact(&self.repository(), most, halt),
        }
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

fn ours(repository: &gix::Repository) -> gix::Result<BTreeSet<ObjectId>> {
    let references = repository.references()?;
    let found = references.prefixed(OURS)?;
    found
        .map(|reference| Ok(reference?.id().detach()))
        .collect()
}

fn open_in_place(path: &Path, object_bytes: u64) -> Result<ThreadSafeRepository, OpenError> {
    let why = match path.try_exists() {
        Ok(false) => "there is nothing at this path".to_owned(),
        Err(error) => error.to_string(),
        Ok(true) => match options(object_bytes).open(path) {
            Ok(repository) => return Ok(repository),
            Err(error) => plain(&error.probable_cause().to_string()),
        },
    };
    Err(OpenError::NotARepository {
        path: path.to_owned(),
        why,
    })
}

/// The mirror's directory and its lock, held by nobody else.
fn claim(cache: &Path, url: &RepoUrl) -> Result<(PathBuf, File), OpenError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Io { path, source }
    };
    fs::create_dir_all(cache).map_err(at(cache))?;
    let name = mirror_name(url);
    let path = cache.join(format!("{name}.lock"));
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let lock = lock.map_err(at(&path))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::Locked { path }),
        Err(TryLockError::Error(error)) => return Err(at(&path)(error)),
    }
    sweep(cache, &name).map_err(at(cache))?;
    Ok((cache.join(format!("{name}.git")), lock))
}

/// Removes what a killed process left of this mirror: keys, and halves of a mirror being replaced.
fn sweep(cache: &Path, name: &str) -> io::Result<()> {
    for entry in fs::read_dir(cache)? {
        let entry = entry?;
        let found = entry.file_name();
        let rest = found.to_str().and_then(|found| found.strip_prefix(name));
        if rest.is_some_and(|rest| {
            [".ssh-", ".new", ".old"]
                .iter()
                .any(|end| rest.starts_with(end))
        }) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// The part of file names that stands for the address.
pub(crate) fn mirror_name(url: &RepoUrl) -> String {
    digest(url.as_str())
}

fn digest(text: &str) -> String {
    let hash = Sha256::digest(text);
    hash[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn open_or_create(path: &Path, object_bytes: u64) -> Result<ThreadSafeRepository, OpenError> {
    if !path.exists() {
        return create(path, object_bytes);
    }
    let opened = options(object_bytes).open_path_as_is(true).open(path);
    match opened.and_then(|repository| sound(&repository).map(|()| repository)) {
        Ok(repository) => Ok(repository),
        Err(error) => {
            let why = plain(&error.to_string());
            tracing::warn!(mirror = %path.display(), why, "the mirror is spoiled and is made anew");
            create(path, object_bytes)
        }
    }
}

/// A quick look at what our references name. Files are checked when they are read.
fn sound(repository: &ThreadSafeRepository) -> gix::Result {
    let repository = repository.to_thread_local();
    for id in ours(&repository)? {
        repository.find_commit(id)?.tree()?.decode()?;
    }
    Ok(())
}

/// Makes an empty mirror beside `path`, then puts it in place of whatever is there.
fn create(path: &Path, object_bytes: u64) -> Result<ThreadSafeRepository, OpenError> {
    let fault = |source| OpenError::Io {
        path: path.to_owned(),
        source,
    };
    let (new, old) = (path.with_extension("new"), path.with_extension("old"));
    for leftover in [&new, &old] {
        if leftover.exists() {
            fs::remove_dir_all(leftover).map_err(fault)?;
        }
    }
    let kind = gix::create::Kind::Bare;
    let made =
        ThreadSafeRepository::init_opts(&new, kind, Default::default(), options(object_bytes));
    made.map_err(|error| fault(io::Error::other(plain(&error.to_string()))))?;
    // Samples of hooks that nothing here would ever run.
    fs::remove_dir_all(new.join("hooks"))
        .or_else(absent)
        .map_err(fault)?;
    if path.exists() {
        fs::rename(path, &old).map_err(fault)?;
    }
    fs::rename(&new, path).map_err(fault)?;
    fs::remove_dir_all(&old).or_else(absent).map_err(fault)?;
    let opened = options(object_bytes).open_path_as_is(true).open(path);
    opened.map_err(|error| fault(io::Error::other(plain(&error.to_string()))))
}

fn absent(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}

/// Opens with nothing of the machine's configuration or environment.
fn options(object_bytes: u64) -> gix::open::Options {
    gix::open::Options::isolated()
        .with(gix::sec::Trust::Full)
        .config_overrides([
            format!("gitoxide.objects.allocLimit={object_bytes}"),
            "core.logAllRefUpdates=false".to_owned(),
        ])
}
