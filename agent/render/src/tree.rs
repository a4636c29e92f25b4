//! The files a render may read: on disk, in Git, in memory.

use std::{borrow::Cow, collections::BTreeMap, fmt};

/// A normal absolute path inside a [`FileTree`]: components joined by `/`, no `.`, no `..`, no empty ones.
/// The root is the empty path.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(String);

/// Files by path. Implementations follow no symlink and no submodule: they report both as an error.
pub trait FileTree {
    /// The bytes of a file.
    fn read(&self, path: &TreePath) -> Result<Cow<'_, [u8]>, TreeError>;
    /// What stands at the path; `None` where nothing does.
    fn entry(&self, path: &TreePath) -> Result<Option<EntryKind>, TreeError>;
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
}

/// Why a path could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TreeError {
    /// Nothing is there.
    #[error("{0}: no such file or directory")]
    Missing(TreePath),
    /// A directory where a file is needed.
    #[error("{0}: is a directory")]
    Directory(TreePath),
    /// A symlink, submodule or other thing that is never followed.
    #[error("{0}: is a {1}, which is never followed")]
    Refused(TreePath, &'static str),
    /// The storage failed.
    #[error("{0}: {1}")]
    Io(TreePath, String),
}

/// A tree in memory, for tests and for tools that hold the files already.
#[derive(Clone, Debug, Default)]
pub struct MemTree {
    files: BTreeMap<TreePath, Vec<u8>>,
}

impl TreePath {
    /// The root.
    pub fn root() -> Self {
        Self::default()
    }

    /// Reads `path` as seen from the root. `None` if it leaves the root by `..`.
    pub fn parse(path: &str) -> Option<Self> {
        Self::root().join(path)
    }

    /// The path `relative` as seen from this directory. An absolute `relative` starts at the root.
    /// `None` if it leaves the root by `..`.
    pub fn join(&self, relative: &str) -> Option<Self> {
        let mut parts: Vec<&str> = match relative.starts_with('/') {
            true => Vec::new(),
            false => self.components().collect(),
        };
        for part in relative.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()?),
                name => parts.push(name),
            }
        }
        Some(Self(parts.join("/")))
    }

    /// The names on the way from the root.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }

    /// The directory that holds this path; the root holds itself.
    #[must_use]
    pub fn parent(&self) -> Self {
        Self(
            self.0
                .rsplit_once('/')
                .map_or_else(String::new, |(parent, _)| parent.to_owned()),
        )
    }

    /// The last name; empty for the root.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// True if this is `other` or lies below it.
    pub fn is_within(&self, other: &Self) -> bool {
        other.0.is_empty()
            || self.0 == other.0
            || self
                .0
                .strip_prefix(&other.0)
                .is_some_and(|rest| rest.starts_with('/'))
    }

    /// The path without a leading slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl MemTree {
    /// Adds or replaces a file. A `path` that leaves the root is taken as the root's own.
    #[must_use]
    pub fn with(mut self, path: &str, text: impl Into<Vec<u8>>) -> Self {
        self.files
            .insert(TreePath::parse(path).unwrap_or_default(), text.into());
        self
    }
}

impl FileTree for MemTree {
    fn read(&self, path: &TreePath) -> Result<Cow<'_, [u8]>, TreeError> {
        match self.files.get(path) {
            Some(bytes) => Ok(Cow::Borrowed(bytes)),
            None => Err(match self.entry(path)? {
                Some(_) => TreeError::Directory(path.clone()),
                None => TreeError::Missing(path.clone()),
            }),
        }
    }

    fn entry(&self, path: &TreePath) -> Result<Option<EntryKind>, TreeError> {
        if self.files.contains_key(path) {
            return Ok(Some(EntryKind::File));
        }
        let below = self.files.keys().any(|file| file.is_within(path));
        Ok(below.then_some(EntryKind::Directory))
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "." } else { &self.0 })
    }
}
