//! The directory of a mirror: claimed, opened, and made anew where it does not hold together.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use gix::{ThreadSafeRepository, odb::store::init::Slots};
use sha2::{Digest, Sha256};

use super::{OpenError, ours};
use crate::{RepoUrl, fetch_error::plain};

pub(super) fn open_in_place(
    path: &Path,
    object_bytes: u64,
) -> Result<ThreadSafeRepository, OpenError> {
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

/// The right to use a mirror, until dropped.
pub(super) struct Claim(File);

impl Drop for Claim {
    /// Closing the file would do, were it not for a subprocess just being started, which has the file for a moment.
    fn drop(&mut self) {
        // It fails only on files that cannot be locked, and this one could.
        let _ = self.0.unlock();
    }
}

/// The mirror's directory and its lock, held by nobody else.
pub(super) fn claim(cache: &Path, url: &RepoUrl) -> Result<(PathBuf, Claim), OpenError> {
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
    let lock = Claim(lock);
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

/// A name for anything, fit for files and references.
pub(super) fn digest(text: &str) -> String {
    let hash = Sha256::digest(text);
    hash[..16]
        .iter()
        .fold(String::new(), |name, byte| name + &format!("{byte:02x}"))
}

pub(super) fn open_or_create(
    path: &Path,
    object_bytes: u64,
) -> Result<ThreadSafeRepository, OpenError> {
    if !path.exists() {
        return create(path, object_bytes);
    }
    tidy(path).map_err(|source| OpenError::Io {
        path: path.to_owned(),
        source,
    })?;
    let opened = reopen(path, object_bytes);
    match opened.and_then(|repository| sound(&repository).map(|()| repository)) {
        Ok(repository) => Ok(repository),
        Err(error) => {
            let why = plain(&error.to_string());
            tracing::warn!(mirror = %path.display(), why, "the mirror is spoiled and is made anew");
            create(path, object_bytes)
        }
    }
}

/// Opens again what was opened before, with an eye for all that came since.
pub(super) fn reopen(path: &Path, object_bytes: u64) -> gix::Result<ThreadSafeRepository> {
    options(object_bytes).open_path_as_is(true).open(path)
}

/// Removes what a killed process left inside the mirror: half a pack, or the lock of a reference.
fn tidy(path: &Path) -> io::Result<()> {
    let mut open = vec![path.join("refs"), path.join("objects").join("pack")];
    while let Some(directory) = open.pop() {
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if is_leftover(&path) {
                fs::remove_file(path)?;
            }
        }
    }
    Ok(())
}

fn is_leftover(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let ends = [".lock", ".keep"].map(|end| name.as_encoded_bytes().ends_with(end.as_bytes()));
    ends.contains(&true) || name.as_encoded_bytes().starts_with(b".tmp")
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
pub(super) fn create(path: &Path, object_bytes: u64) -> Result<ThreadSafeRepository, OpenError> {
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
    let made = ThreadSafeRepository::init_opts(
        &new,
        kind,
        gix::create::Options::default(),
        options(object_bytes),
    );
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
    let opened = reopen(path, object_bytes);
    opened.map_err(|error| fault(io::Error::other(plain(&error.to_string()))))
}

fn absent(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}

/// How many packs may come after a repository was opened; by default it would be few, and then reading fails.
const SLOTS: usize = 1024;

/// Opens with nothing of the machine's configuration or environment.
fn options(object_bytes: u64) -> gix::open::Options {
    gix::open::Options::isolated()
        .object_store_slots(Slots::AsNeededByDiskState {
            multiplier: 2.0,
            minimum: SLOTS,
        })
        .with(gix::sec::Trust::Full)
        .config_overrides([
            format!("gitoxide.objects.allocLimit={object_bytes}"),
            "core.logAllRefUpdates=false".to_owned(),
        ])
}
