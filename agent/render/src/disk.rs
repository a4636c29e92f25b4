//! Files on disk.
//!
//! The one place in this crate that touches the file system. It only reads, and follows no symlink: where
//! kustomize would follow one and then check where it leads, this says no at once, since a tree that renders on
//! disk should render the same from Git, where a symlink is a text.

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use crate::tree::{EntryKind, FileTree, TreeError, TreePath};

/// The files below a directory.
#[derive(Debug)]
pub struct DiskTree {
    root: PathBuf,
    /// What is known of directories on the way: whether one is a symlink.
    links: RefCell<HashMap<TreePath, bool>>,
}

impl DiskTree {
    /// The files below `root`, which may itself be reached by a symlink.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            links: RefCell::default(),
        }
    }

    fn full(&self, path: &TreePath) -> PathBuf {
        self.root.join(path.as_str())
    }

    /// That no directory on the way to `path` is a symlink.
    fn check_way(&self, path: &TreePath) -> Result<(), TreeError> {
        let parent = path.parent();
        if parent == TreePath::root() {
            return Ok(());
        }
        let known = self.links.borrow().get(&parent).copied();
        let is_link = if let Some(is_link) = known {
            is_link
        } else {
            self.check_way(&parent)?;
            let is_link = is_symlink(&self.full(&parent));
            self.links.borrow_mut().insert(parent.clone(), is_link);
            is_link
        };
        match is_link {
            true => Err(TreeError::Refused(parent, "symlink")),
            false => Ok(()),
        }
    }
}

impl FileTree for DiskTree {
    fn read(&self, path: &TreePath) -> Result<Cow<'_, [u8]>, TreeError> {
        match self.entry(path)? {
            Some(EntryKind::File) => fs::read(self.full(path))
                .map(Cow::Owned)
                .map_err(|error| TreeError::Io(path.clone(), error.to_string())),
            Some(EntryKind::Directory) => Err(TreeError::Directory(path.clone())),
            None => Err(TreeError::Missing(path.clone())),
        }
    }

    fn entry(&self, path: &TreePath) -> Result<Option<EntryKind>, TreeError> {
        self.check_way(path)?;
        let found = match fs::symlink_metadata(self.full(path)) {
            Ok(found) => found,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(TreeError::Io(path.clone(), error.to_string())),
        };
        let kind = found.file_type();
        match (kind.is_file(), kind.is_dir(), kind.is_symlink()) {
            (true, ..) => Ok(Some(EntryKind::File)),
            (_, true, _) => Ok(Some(EntryKind::Directory)),
            (.., true) => Err(TreeError::Refused(path.clone(), "symlink")),
            _ => Err(TreeError::Refused(path.clone(), "special file")),
        }
    }
}

fn is_symlink(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_symlink())
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename
    )
}
