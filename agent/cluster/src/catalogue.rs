//! What is remembered of the kinds that an API server serves.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use krm::Gvk;
use tokio::time::Instant;

use crate::Resource;

/// A kind that was missing is asked for again only after this long.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is known of one API server's kinds.
#[derive(Default)]
pub(crate) struct Catalogue {
    groups: Mutex<HashMap<GroupVersion, Known>>,
    /// Held by whoever asks the server just now.
    turns: Mutex<HashMap<GroupVersion, Arc<Turn>>>,
}

/// Held by who asks of one group and version.
type Turn = tokio::sync::Mutex<()>;

/// What is known of a kind.
pub(crate) enum Memory {
    /// It is served so.
    Served(Resource),
    /// It was missing a moment ago.
    Missing,
    /// Nothing; the server has to be asked.
    None,
}

/// `apps`, `v1`
type GroupVersion = (String, String);

struct Known {
    at: Instant,
    resources: Vec<Resource>,
}

impl Catalogue {
    /// What is known of a kind.
    pub(crate) fn recall(&self, gvk: &Gvk) -> Memory {
        let groups = self.lock();
        let Some(known) = groups.get(&group_version(gvk)) else {
            return Memory::None;
        };
        let found = known
            .resources
            .iter()
            .find(|resource| resource.gvk.kind == gvk.kind);
        match found {
            Some(resource) => Memory::Served(resource.clone()),
            None if known.at.elapsed() < PATIENCE => Memory::Missing,
            None => Memory::None,
        }
    }

    /// Who asks of the group and version of `gvk` holds this.
    pub(crate) fn turn(&self, gvk: &Gvk) -> Arc<Turn> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.entry(group_version(gvk)).or_default().clone()
    }

    /// Keeps what the server said.
    pub(crate) fn remember(&self, gvk: &Gvk, resources: Vec<Resource>) {
        self.lock().insert(
            group_version(gvk),
            Known {
                at: Instant::now(),
                resources,
            },
        );
    }

    /// Forgets one group and version, because the server said it has no such kind.
    pub(crate) fn forget(&self, gvk: &Gvk) {
        self.lock().remove(&group_version(gvk));
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<GroupVersion, Known>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn group_version(gvk: &Gvk) -> GroupVersion {
    (gvk.group.clone(), gvk.version.clone())
}
