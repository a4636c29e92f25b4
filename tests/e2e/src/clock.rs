//! The clock on the wall as one agent sees it, which a scenario sets. Its steady clock goes on as ever.
//!
//! Debian's libfaketime, preloaded into the real program.

use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::TempDir;

/// A clock that can be set.
pub struct Clock {
    library: PathBuf,
    folder: TempDir,
}

impl Clock {
    /// One that goes right so far; `None` where the library is not installed.
    pub fn new() -> Result<Option<Self>> {
        let Some(library) = library(Path::new("/usr/lib"))? else {
            return Ok(None);
        };
        let folder = tempfile::tempdir()?;
        let clock = Self { library, folder };
        clock.set(0)?;
        Ok(Some(clock))
    }

    /// Sets it so many seconds ahead of the right time, or behind it.
    pub fn set(&self, ahead: i64) -> Result<()> {
        // In one go: it is read at any moment.
        let new = self.folder.path().join("new");
        std::fs::write(&new, format!("{ahead:+}\n"))?;
        std::fs::rename(new, self.file())?;
        Ok(())
    }

    /// What an agent has to be started with to see it.
    pub fn variables(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let all = [
            ("LD_PRELOAD", text(&self.library)),
            ("FAKETIME_TIMESTAMP_FILE", text(&self.file())),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        all.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }
}

/// Where Debian puts it for the kind of this machine.
fn library(root: &Path) -> Result<Option<PathBuf>> {
    let Ok(folders) = root.read_dir() else {
        return Ok(None);
    };
    for folder in folders {
        let path = folder?.path().join("faketime/libfaketimeMT.so.1");
        if path.exists() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
