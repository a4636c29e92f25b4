//! One repository address and its objects, shared by everyone who follows a branch of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak, atomic::AtomicBool},
};

use crate::{
    Branch, Commit, Credentials, FetchError, HistoryError, Limits, OpenError, Reason, RepoUrl,
    Revision, Snapshot, SnapshotError,
    address::Place,
    budget::Budget,
    history,
    store::{Store, discard, mirror_name},
    wire::{self, Order, Talk, http, ssh},
};

/// A repository to follow.
///
/// What the server allows is asked by [`look`](Self::look) alone, with the credentials given there: whoever follows a
/// branch looks with credentials of its own, and fetches nothing that it has not seen there.
///
/// All methods block and may be called from several threads; those that talk to the server wait for one another.
/// Dropping it releases the directory for other processes.
pub struct Mirror {
    url: RepoUrl,
    limits: Limits,
    cache: PathBuf,
    store: Store,
    session: Mutex<Option<http::Session>>,
    /// Held by whoever changes the store.
    writing: Mutex<()>,
    /// Commits that somebody reads at the moment.
    open: Mutex<BTreeMap<Revision, Weak<Snapshot>>>,
}

impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mirror({})", self.url)
    }
}

/// What a fetch brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Objects received; zero when everything was here.
    pub objects: u32,
    /// Bytes received, of Git's protocol.
    pub bytes: u64,
    /// The mirror was spoiled and has been filled again from nothing.
    pub refilled: bool,
}

impl Mirror {
    /// Opens the mirror of `url` in a directory of its own below `cache`, made anew if it does not hold together.
    ///
    /// The repository of a `file://` address is used in place: nothing is copied and nothing is ever written to it.
    pub fn open(cache: &Path, url: RepoUrl, limits: Limits) -> Result<Self, OpenError> {
        let store = Store::open(cache, &url, &limits)?;
        let cache = cache.to_owned();
        Ok(Self {
            url,
            limits,
            cache,
            store,
            session: Mutex::new(None),
            writing: Mutex::new(()),
            open: Mutex::default(),
        })
    }

    /// The address.
    pub fn url(&self) -> &RepoUrl {
        &self.url
    }

    /// Where the wanted branches stand now; `None` for one that is not there. Nothing is fetched.
    ///
    /// Over https this is one small request on an open connection.
    pub fn look(
        &self,
        credentials: &Credentials,
        branches: &BTreeSet<Branch>,
        stop: &AtomicBool,
    ) -> Result<BTreeMap<Branch, Option<Revision>>, FetchError> {
        if self.store.is_in_place() {
            return self.look_in_place(branches);
        }
        if branches.is_empty() {
            // Asked for nothing by name, a server lists all it has.
            return Ok(BTreeMap::new());
        }
        let budget = Arc::new(Budget::new(self.limits.look, self.limits.list_bytes()));
        self.talk(credentials, &budget, stop, &mut |transport, greeting| {
            wire::list(transport, greeting, branches)
        })
    }

    /// Brings exactly the `wanted` commits with all they need, as far as it is not here already.
    ///
    /// Costs no request when everything is here, so call it before every [`snapshot`](Self::snapshot): it also
    /// refills a mirror in which a reader found a spoiled object.
    pub fn fetch(
        &self,
        credentials: &Credentials,
        wanted: &BTreeMap<Branch, Revision>,
        stop: &AtomicBool,
    ) -> Result<Fetched, FetchError> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let refilled = self.store.heal().map_err(|error| storage(&error))?;
        let repository = self.store.repository();
        let missing: BTreeSet<_> = wanted
            .values()
            .filter(|revision| self.store.check(&repository, revision.id()).is_err())
            .map(Revision::id)
            .collect();
        let mut fetched = Fetched {
            refilled,
            ..Fetched::default()
        };
        if !missing.is_empty() {
            if self.store.is_in_place() {
                let text = format!("{} does not hold the commit any more", self.url);
                return Err(FetchError::new(Reason::RevisionGone, text));
            }
            let wants: Vec<_> = missing.into_iter().collect();
            let budget = Arc::new(Budget::new(self.limits.fetch, self.limits.pack_bytes));
            fetched.objects = self.receive(credentials, &wants, &budget, stop)?;
            fetched.bytes = budget.bytes();
        }
        for (branch, revision) in wanted {
            self.store
                .mark(branch, *revision)
                .map_err(|error| storage(&error))?;
        }
        if let Err(error) = self.store.compact(self.limits.packs, stop) {
            // The packs stay as they are, and all of them can be read.
            tracing::warn!(url = %self.url, %error, "the packs could not be rewritten as one");
        }
        Ok(fetched)
    }

    /// The files of a commit.
    pub fn snapshot(&self, revision: &Revision) -> Result<Snapshot, SnapshotError> {
        Snapshot::open(
            self.store.repository(),
            *revision,
            &self.limits,
            self.store.suspect(),
        )
    }

    /// The same, shared with everybody who reads that commit at the moment, so that what many read is read once.
    pub fn shared(&self, revision: &Revision) -> Result<Arc<Snapshot>, SnapshotError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let found = open.get(revision).and_then(Weak::upgrade);
        if let Some(snapshot) = found.filter(|snapshot| !snapshot.is_suspect()) {
            return Ok(snapshot);
        }
        let snapshot = Arc::new(self.snapshot(revision)?);
        open.retain(|_, snapshot| snapshot.strong_count() > 0);
        open.insert(*revision, Arc::downgrade(&snapshot));
        Ok(snapshot)
    }

    /// Whether `old` is `new` or one of its ancestors. False after a force-push.
    pub fn descends(&self, new: &Revision, old: &Revision) -> Result<bool, HistoryError> {
        history::descends(&self.store.repository(), *new, *old)
    }

    /// What a commit says about itself.
    pub fn commit(&self, revision: &Revision) -> Result<Commit, HistoryError> {
        history::commit(&self.store.repository(), *revision)
    }

    /// The commits that `upto` has and `after` has not, newest first, along first parents, at most `most`.
    pub fn log(
        &self,
        after: Option<&Revision>,
        upto: &Revision,
        most: usize,
    ) -> Result<Vec<Commit>, HistoryError> {
        history::log(&self.store.repository(), after.copied(), *upto, most)
    }

    /// Holds on to a fetched revision in the name of `holder`, even if the branch leaves it behind, in place of the
    /// revision it held before. Of a `file://` repository nothing can be held.
    pub fn keep(&self, holder: &str, revision: &Revision) -> Result<(), HistoryError> {
        self.commit(revision)?;
        let kept = self.store.keep(holder, *revision);
        kept.map_err(|error| HistoryError::Unreadable {
            revision: *revision,
            why: crate::fetch_error::plain(&error.to_string()),
        })
    }

    /// Lets go of what `holder` held.
    pub fn release(&self, holder: &str) {
        if let Err(error) = self.store.release(holder) {
            // What is held too long costs a little disk.
            tracing::warn!(url = %self.url, %error, "a held revision could not be released");
        }
    }

    /// The directories in which a push to a `file://` repository shows: watch them with all that is below. Empty for
    /// other addresses.
    pub fn watch_paths(&self) -> Vec<PathBuf> {
        if !self.store.is_in_place() {
            return Vec::new();
        }
        let common = self.store.repository().common_dir().to_owned();
        [
            common.join("refs").join("heads"),
            common.join("packed-refs"),
            common.join("HEAD"),
        ]
        .into_iter()
        .filter(|path| path.exists())
        .collect()
    }

    fn receive(
        &self,
        credentials: &Credentials,
        wants: &[gix::ObjectId],
        budget: &Arc<Budget>,
        stop: &AtomicBool,
    ) -> Result<u32, FetchError> {
        let repository = self.store.repository();
        let haves = self.store.haves(&repository);
        let order = Order {
            repository: &repository,
            wants,
            haves: &haves,
            objects: self.limits.pack_objects,
            object_bytes: self.limits.object_bytes,
        };
        let received = self.talk(credentials, budget, stop, &mut |transport, greeting| {
            wire::receive(transport, greeting, &order, budget)
        })?;
        for id in wants {
            if let Err(why) = self.store.check(&repository, *id) {
                discard(received.index.as_deref());
                let text = format!("the server sent an incomplete pack: {why}");
                return Err(FetchError::new(Reason::Corrupt, text));
            }
        }
        Ok(received.objects)
    }

    fn talk<T>(
        &self,
        credentials: &Credentials,
        budget: &Arc<Budget>,
        stop: &AtomicBool,
        work: Talk<'_, T>,
    ) -> Result<T, FetchError> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        match self.url.place() {
            Place::Http { .. } => budget.watch(
                stop,
                || {},
                || http::talk(&mut session, &self.url, credentials, budget, work),
            ),
            Place::Ssh(place) => {
                let prefix = format!("{}.ssh-", mirror_name(&self.url));
                let scratch = (self.cache.as_path(), prefix.as_str());
                ssh::talk(place, credentials, scratch, (budget, stop), work)
            }
            Place::File(_) => {
                let text = "a repository in place is read, not talked to";
                Err(FetchError::new(Reason::Unsupported, text))
            }
        }
    }

    fn look_in_place(
        &self,
        branches: &BTreeSet<Branch>,
    ) -> Result<BTreeMap<Branch, Option<Revision>>, FetchError> {
        let repository = self.store.repository();
        if !repository.common_dir().join("objects").is_dir() {
            let text = format!("{} is no longer a git repository", self.url);
            return Err(FetchError::new(Reason::RepositoryNotFound, text));
        }
        let find = |branch: &Branch| -> gix::Result<_> {
            let reference = repository.try_find_reference(branch.reference().as_str())?;
            let id = reference
                .map(|mut found| found.peel_to_id().map(gix::Id::detach))
                .transpose()?;
            Ok((branch.clone(), id.map(Revision::new)))
        };
        let found: gix::Result<_> = branches.iter().map(find).collect();
        found.map_err(|error| storage(&error))
    }
}

fn storage(error: &dyn std::error::Error) -> FetchError {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    FetchError::new(Reason::Storage, text)
}
