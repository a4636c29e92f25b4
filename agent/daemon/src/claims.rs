//! Which environment asks for which objects, so that what moves from one to another is handed over.
//!
//! Every environment enters what git asks for as soon as it is rendered, and whoever is about to delete
//! something looks here first. Ids are kept as hashes: the question is only whether one is among them. What
//! another replica cares for is known from the status of its Environment.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use api::v1alpha1::Environment;
use krm::ObjectId;
use plan::inventory::key;
use tokio::sync::watch;

use crate::{hashed::hash, key::EnvironmentKey};

/// How long deletions wait at most for a neighbour that has not looked at the newest commit.
const HERE: Duration = Duration::from_secs(30);
/// The same for one that another replica cares for: nobody can tell how far it is.
const ELSEWHERE: Duration = Duration::from_secs(5);

/// What every environment asks for.
pub(crate) struct Claims {
    known: Mutex<BTreeMap<EnvironmentKey, Entry>>,
    moved: watch::Sender<u64>,
}

#[derive(Default)]
struct Entry {
    url: String,
    branch: String,
    suspended: bool,
    /// True if this replica cares for it.
    here: bool,
    /// The head that it has last looked at.
    looked: Option<String>,
    /// Where its objects are.
    server: String,
    wants: HashSet<u64>,
    /// What its status says that others have.
    told: BTreeSet<String>,
}

impl Claims {
    pub(crate) fn new() -> Self {
        Self {
            known: Mutex::default(),
            moved: watch::Sender::new(0),
        }
    }

    /// Tells whenever somebody has looked at a commit.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// Notes what the cluster says of an Environment, and whether this replica cares for it.
    pub(crate) fn saw(&self, environment: &Environment, here: bool) {
        let mut known = self.locked();
        let entry = known.entry(EnvironmentKey::of(environment)).or_default();
        let source = &environment.spec.source;
        if (&entry.url, &entry.branch) != (&source.url, &source.branch) {
            entry.looked = None;
        }
        entry.url.clone_from(&source.url);
        entry.branch.clone_from(&source.branch);
        entry.suspended = environment.spec.suspend;
        entry.here |= here;
        let status = environment.status.as_ref();
        entry.told = status
            .iter()
            .flat_map(|status| status.claims.iter().cloned())
            .collect();
    }

    /// Notes what `key` asks for in the cluster at `server`.
    pub(crate) fn wants<'a>(
        &self,
        key: &EnvironmentKey,
        server: &str,
        ids: impl Iterator<Item = &'a ObjectId>,
    ) {
        let mut known = self.locked();
        let entry = known.entry(key.clone()).or_default();
        entry.wants = ids.map(hash).collect();
        server.clone_into(&mut entry.server);
    }

    /// Notes that what `key` asks for at `head` is known, or that it cannot be.
    pub(crate) fn looked(&self, key: &EnvironmentKey, head: Option<&str>) {
        let mut known = self.locked();
        let entry = known.entry(key.clone()).or_default();
        let moved = entry.looked.as_deref() != head;
        entry.looked = head.map(str::to_owned);
        drop(known);
        if moved {
            self.moved.send_modify(|count| *count += 1);
        }
    }

    /// Notes that this replica no longer cares for `key`: from now on its status says what it asks for.
    pub(crate) fn let_go(&self, key: &EnvironmentKey) {
        if let Some(entry) = self.locked().get_mut(key) {
            entry.here = false;
            entry.looked = None;
            entry.wants.clear();
        }
    }

    /// Forgets an Environment.
    pub(crate) fn lost(&self, key: &EnvironmentKey) {
        if self.locked().remove(key).is_some() {
            self.moved.send_modify(|count| *count += 1);
        }
    }

    /// Another environment that asks for `id` in the cluster at `server`.
    pub(crate) fn claimant(
        &self,
        me: &EnvironmentKey,
        server: &str,
        id: &ObjectId,
    ) -> Option<EnvironmentKey> {
        let (hash, text) = (hash(id), key(id));
        let known = self.locked();
        let claims = |(other, entry): &(&EnvironmentKey, &Entry)| {
            let wants = entry.server == server && entry.wants.contains(&hash);
            *other != me && (wants || !entry.here && entry.told.contains(&text))
        };
        known.iter().find(claims).map(|(other, _)| other.clone())
    }

    /// How long to wait until the others on the repo at `url` have looked at its heads. `None`: they have.
    pub(crate) fn patience(
        &self,
        me: &EnvironmentKey,
        url: &str,
        head: impl Fn(&str) -> Option<String>,
    ) -> Option<Duration> {
        let known = self.locked();
        let others = known
            .iter()
            .filter(|(other, entry)| *other != me && entry.url == url && !entry.suspended);
        let wait = others.filter_map(|(_, entry)| match (entry.here, head(&entry.branch)) {
            (false, _) => Some(ELSEWHERE),
            (true, Some(head)) if entry.looked.as_ref() != Some(&head) => Some(HERE),
            (true, _) => None,
        });
        wait.max()
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<EnvironmentKey, Entry>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://git.example.com/config.git";

    fn name(name: &str) -> EnvironmentKey {
        EnvironmentKey {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        }
    }

    fn environment(name: &str, claims: &[&str]) -> Environment {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "driftless.dev/v1alpha1", "kind": "Environment",
            "metadata": { "namespace": "shop", "name": name },
            "spec": { "source": { "url": URL, "branch": "main" } },
            "status": { "claims": claims },
        }))
        .unwrap()
    }

    fn id(name: &str) -> ObjectId {
        ObjectId {
            kind: "ConfigMap".to_owned(),
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            ..ObjectId::default()
        }
    }

    #[test]
    fn what_another_asks_for_in_the_same_cluster_is_claimed() {
        let claims = Claims::new();
        claims.saw(&environment("a", &[]), true);
        claims.saw(&environment("b", &[]), true);
        claims.wants(&name("b"), "home", [id("x")].iter());
        let claimant = |me, server, object| claims.claimant(&name(me), server, &id(object));
        assert_eq!(claimant("a", "home", "x"), Some(name("b")));
        assert_eq!(claimant("b", "home", "x"), None, "not against itself");
        assert_eq!(claimant("a", "away", "x"), None);
        assert_eq!(claimant("a", "home", "y"), None);
        claims.lost(&name("b"));
        assert_eq!(claimant("a", "home", "x"), None);
    }

    #[test]
    fn what_another_replica_cares_for_claims_by_its_status() {
        let claims = Claims::new();
        claims.saw(&environment("b", &["/ConfigMap/shop/x"]), false);
        let claimant = claims.claimant(&name("a"), "home", &id("x"));
        assert_eq!(claimant, Some(name("b")));
        assert_eq!(claims.patience(&name("a"), URL, |_| None), Some(ELSEWHERE));
    }

    #[test]
    fn deletions_wait_for_neighbours_that_have_not_looked_at_the_newest_commit() {
        let claims = Claims::new();
        let head = |_: &str| Some("2222".to_owned());
        let patience = || claims.patience(&name("a"), URL, head);
        claims.saw(&environment("a", &[]), true);
        assert_eq!(patience(), None, "not for itself");
        claims.saw(&environment("b", &[]), true);
        assert_eq!(patience(), Some(HERE));
        let mut moved = claims.watch();
        claims.looked(&name("b"), Some("1111"));
        assert_eq!(patience(), Some(HERE));
        claims.looked(&name("b"), Some("2222"));
        assert_eq!(patience(), None);
        assert!(moved.has_changed().unwrap());
        moved.mark_unchanged();
        claims.looked(&name("b"), Some("2222"));
        assert!(!moved.has_changed().unwrap(), "no news, no wake-up");
        let mut asleep = environment("c", &[]);
        asleep.spec.suspend = true;
        claims.saw(&asleep, true);
        assert_eq!(patience(), None, "a suspended one is not waited for");
        assert_eq!(claims.patience(&name("a"), "https://other", head), None);
    }
}
