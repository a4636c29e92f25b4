//! The files of one commit, read straight from the object database.
//!
//! Nothing is checked out and no link is followed. Every file's bytes are compared with its id when they are read, so
//! a spoiled disk shows as an error and never as other content.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use gix::{ObjectId, objs::tree::EntryKind as Mode};
use render::tree::{EntryKind, FileTree, TreeError, TreePath};
use sha2::{Digest, Sha256};

use crate::{Limits, Revision, fetch_error::plain};

/// What a Git LFS pointer file starts with.
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";
/// Unpacked objects kept at hand while a commit is read.
const CACHE_BYTES: usize = 4 << 20;

/// The files of one commit.
pub struct Snapshot {
    revision: Revision,
    root: ObjectId,
    limits: Limits,
    repository: Mutex<gix::Repository>,
    directories: Mutex<BTreeMap<ObjectId, Arc<Directory>>>,
    reads: Mutex<BTreeSet<TreePath>>,
    suspect: Arc<AtomicBool>,
}

/// Why a commit's files cannot be read at all.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SnapshotError {
    /// The commit is not here; fetch it.
    #[error("commit {0} is not in the mirror")]
    Missing(Revision),
    /// It is here and cannot be read; fetching refills the mirror.
    #[error("commit {revision} cannot be read: {why}")]
    Unreadable {
        /// The commit.
        revision: Revision,
        /// What Git says.
        why: String,
    },
}

/// The id of a file's content or of a directory, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectIdHex(String);

/// Equal for two commits exactly if nothing differs at the paths it was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

/// The entries of a directory by name. Names that are no UTF-8 cannot be asked for and are left out.
type Directory = BTreeMap<String, Entry>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    File(ObjectId),
    Directory(ObjectId),
    Link(ObjectId),
    Submodule(ObjectId),
    /// Two entries of one name: which one counts would depend on the reader.
    Twice,
}

impl Snapshot {
    pub(crate) fn open(
        mut repository: gix::Repository,
        revision: Revision,
        limits: &Limits,
        suspect: Arc<AtomicBool>,
    ) -> Result<Self, SnapshotError> {
        repository.object_cache_size_if_unset(CACHE_BYTES);
        let root = root(&repository, revision).inspect_err(|error| {
            let spoiled = matches!(error, SnapshotError::Unreadable { .. });
            suspect.fetch_or(spoiled, Ordering::Relaxed);
        })?;
        Ok(Self {
            revision,
            root,
            limits: limits.clone(),
            repository: Mutex::new(repository),
            directories: Mutex::default(),
            reads: Mutex::default(),
            suspect,
        })
    }

    /// The commit.
    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// True if something was found lost or damaged, here or by another reader: after the next fetch it may be well.
    pub(crate) fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed)
    }

    /// The id of what stands at a path; `None` where nothing does.
    pub fn id_of(&self, path: &TreePath) -> Result<Option<ObjectIdHex>, TreeError> {
        let id = match self.find(path)? {
            None => return Ok(None),
            Some(Entry::Twice) => return Err(twice(path)),
            Some(
                Entry::File(id) | Entry::Directory(id) | Entry::Link(id) | Entry::Submodule(id),
            ) => id,
        };
        Ok(Some(ObjectIdHex(id.to_hex().to_string())))
    }

    /// Every path that was asked for so far, there or not.
    pub fn reads(&self) -> BTreeSet<TreePath> {
        lock(&self.reads).clone()
    }

    /// What stands at the `reads` of an earlier render. If another commit has the same fingerprint for them, a render
    /// of it gives the same result. Directories count by being there, since a render cannot list them.
    pub fn fingerprint<'r>(
        &self,
        reads: impl IntoIterator<Item = &'r TreePath>,
    ) -> Result<Fingerprint, TreeError> {
        let mut hash = Sha256::new();
        for path in reads {
            let (tag, id) = match self.find(path)? {
                None => ("absent", None),
                Some(Entry::File(id)) => ("file", Some(id)),
                Some(Entry::Directory(_)) => ("directory", None),
                Some(Entry::Link(id)) => ("link", Some(id)),
                Some(Entry::Submodule(id)) => ("submodule", Some(id)),
                Some(Entry::Twice) => ("twice", None),
            };
            let id = id.map(|id| id.to_hex().to_string()).unwrap_or_default();
            // Neither a path of Git nor a tag or id can hold a zero byte.
            hash.update(format!("{}\0{tag}\0{id}\0", path.as_str()));
        }
        Ok(Fingerprint(hash.finalize().into()))
    }

    fn find(&self, path: &TreePath) -> Result<Option<Entry>, TreeError> {
        let mut at = Entry::Directory(self.root);
        for (depth, name) in path.components().enumerate() {
            if depth >= self.limits.depth {
                let text = format!("lies more than {} directories deep", self.limits.depth);
                return Err(TreeError::Io(path.clone(), text));
            }
            let Entry::Directory(id) = at else {
                return beyond(path, depth, at);
            };
            match self.directory(path, id)?.get(name) {
                Some(entry) => at = *entry,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    fn directory(&self, path: &TreePath, id: ObjectId) -> Result<Arc<Directory>, TreeError> {
        if let Some(known) = lock(&self.directories).get(&id) {
            return Ok(known.clone());
        }
        let bytes = self.object(path, id, self.limits.object_bytes)?;
        let parsed = directory(&bytes).map_err(|error| self.spoiled(path, &error))?;
        let parsed = Arc::new(parsed);
        lock(&self.directories).insert(id, parsed.clone());
        Ok(parsed)
    }

    /// The bytes of an object of at most `most` bytes, compared with its id.
    fn object(&self, path: &TreePath, id: ObjectId, most: u64) -> Result<Vec<u8>, TreeError> {
        let repository = lock(&self.repository);
        let header = repository
            .find_header(id)
            .map_err(|error| self.spoiled(path, &error))?;
        if header.size() > most {
            let text = format!(
                "has {} bytes, more than the {most} that are read",
                header.size()
            );
            return Err(TreeError::Io(path.clone(), text));
        }
        let mut object = repository
            .find_object(id)
            .map_err(|error| self.spoiled(path, &error))?;
        let hash = gix::objs::compute_hash(id.kind(), object.kind, &object.data);
        match hash.map_err(|error| self.spoiled(path, &error))? == id {
            true => Ok(std::mem::take(&mut object.data)),
            false => {
                Err(self.spoiled(path, &gix::error::message!("object {id} has other content")))
            }
        }
    }

    /// An object is lost or damaged: the next fetch refills the mirror.
    fn spoiled(&self, path: &TreePath, error: &dyn fmt::Display) -> TreeError {
        self.suspect.store(true, Ordering::Relaxed);
        TreeError::Io(
            path.clone(),
            format!(
                "an object is lost or damaged: {}",
                plain(&error.to_string())
            ),
        )
    }
}

impl FileTree for Snapshot {
    fn read(&self, path: &TreePath) -> Result<Cow<'_, [u8]>, TreeError> {
        lock(&self.reads).insert(path.clone());
        let found = self
            .find(path)?
            .ok_or_else(|| TreeError::Missing(path.clone()))?;
        match found {
            Entry::File(id) => {
                let bytes = self.object(path, id, self.limits.file_bytes)?;
                match bytes.starts_with(LFS) {
                    true => Err(TreeError::Refused(
                        path.clone(),
                        "Git LFS pointer (commit the file itself instead)",
                    )),
                    false => Ok(Cow::Owned(bytes)),
                }
            }
            Entry::Directory(_) => Err(TreeError::Directory(path.clone())),
            Entry::Twice => Err(twice(path)),
            Entry::Link(_) | Entry::Submodule(_) => {
                Err(refusal(path, found).unwrap_or_else(|| TreeError::Missing(path.clone())))
            }
        }
    }

    fn entry(&self, path: &TreePath) -> Result<Option<EntryKind>, TreeError> {
        lock(&self.reads).insert(path.clone());
        match self.find(path)? {
            None => Ok(None),
            Some(Entry::File(_)) => Ok(Some(EntryKind::File)),
            Some(Entry::Directory(_)) => Ok(Some(EntryKind::Directory)),
            Some(Entry::Twice) => Err(twice(path)),
            Some(found) => refusal(path, found).map_or(Ok(None), Err),
        }
    }
}

impl fmt::Display for ObjectIdHex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn root(repository: &gix::Repository, revision: Revision) -> Result<ObjectId, SnapshotError> {
    let unreadable = |error: gix::Error| SnapshotError::Unreadable {
        revision,
        why: plain(&error.to_string()),
    };
    let object = repository
        .try_find_object(revision.id())
        .map_err(unreadable)?;
    let object = object.ok_or(SnapshotError::Missing(revision))?;
    let commit = object.try_into_commit().map_err(unreadable)?;
    let tree = commit.tree_id().map_err(unreadable)?;
    Ok(tree.detach())
}

fn directory(bytes: &[u8]) -> gix::Result<Directory> {
    let mut names = Directory::new();
    for entry in gix::objs::TreeRefIter::from_bytes(bytes, gix::hash::Kind::Sha1) {
        let entry = entry?;
        let Ok(name) = std::str::from_utf8(entry.filename) else {
            continue;
        };
        let id = entry.oid.to_owned();
        let found = match entry.mode.kind() {
            Mode::Blob | Mode::BlobExecutable => Entry::File(id),
            Mode::Tree => Entry::Directory(id),
            Mode::Link => Entry::Link(id),
            Mode::Commit => Entry::Submodule(id),
        };
        let entry = names.entry(name.to_owned());
        entry
            .and_modify(|twin| *twin = Entry::Twice)
            .or_insert(found);
    }
    Ok(names)
}

/// The way to `path` goes through something that is no directory.
fn beyond(path: &TreePath, depth: usize, at: Entry) -> Result<Option<Entry>, TreeError> {
    let names: Vec<&str> = path.components().take(depth).collect();
    let here = TreePath::parse(&names.join("/")).unwrap_or_default();
    match at {
        Entry::Twice => Err(twice(&here)),
        _ => refusal(&here, at).map_or(Ok(None), Err),
    }
}

fn refusal(path: &TreePath, entry: Entry) -> Option<TreeError> {
    match entry {
        Entry::Link(_) => Some(TreeError::Refused(path.clone(), "symbolic link")),
        Entry::Submodule(_) => Some(TreeError::Refused(path.clone(), "submodule")),
        Entry::File(_) | Entry::Directory(_) | Entry::Twice => None,
    }
}

fn twice(path: &TreePath) -> TreeError {
    TreeError::Io(path.clone(), "stands twice in its directory".to_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
