//! The mirror of one repo, opened once for all who hold on to it.
//!
//! A directory belongs to whoever opened it until the last one lets go. An Environment that went over to another repo may
//! hold on to the mirror for a long time, and whoever follows that repo next reads the same one.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use source::{Limits, Mirror, OpenError, RepoUrl};

/// Where the mirror is, and the mirror while somebody has it.
pub(super) struct Opened {
    cache: PathBuf,
    url: RepoUrl,
    mirror: Mutex<Weak<Mirror>>,
}

impl Opened {
    pub(super) fn new(cache: PathBuf, url: RepoUrl) -> Self {
        Self {
            cache,
            url,
            mirror: Mutex::default(),
        }
    }

    /// The mirror, opened if nobody has it. Blocks.
    pub(super) fn mirror(&self) -> Result<Arc<Mirror>, OpenError> {
        let mut known = self.mirror.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mirror) = known.upgrade() {
            return Ok(mirror);
        }
        let mirror = Mirror::open(&self.cache, self.url.clone(), Limits::default())?;
        let mirror = Arc::new(mirror);
        *known = Arc::downgrade(&mirror);
        Ok(mirror)
    }

    /// True if somebody has the mirror. Not to be asked while it may be being opened.
    pub(super) fn is_held(&self) -> bool {
        let known = self.mirror.lock().unwrap_or_else(PoisonError::into_inner);
        known.strong_count() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_next_has_the_mirror_that_somebody_still_holds() {
        let cache = tempfile::tempdir().unwrap();
        let url = RepoUrl::parse("https://git.example/config.git").unwrap();
        let opened = Opened::new(cache.path().to_owned(), url);
        assert!(!opened.is_held());
        let first = opened.mirror().expect("opens");
        let second = opened.mirror().expect("is open");
        assert!(Arc::ptr_eq(&first, &second) && opened.is_held());
        drop((first, second));
        assert!(!opened.is_held());
        opened.mirror().expect("opens again");
    }
}
