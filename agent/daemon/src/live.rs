//! What the cluster holds of ours, kept up to date by watches.
//!
//! One watch per kind, of the objects that carry our label, for all environments together. Of each object
//! only what judging needs is kept: its UID, the digest of the fields we own, its health. Bodies are dropped as
//! soon as their health is known; bodies of Secrets are never asked for.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use api::v1alpha1::Action;
use cluster::{Cluster, Facts, Resource};
use krm::{Brief, Gvk, ObjectId};
use plan::health::{self, Health};
use tokio::sync::{Notify, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

mod kind;
mod others;
mod pulse;

use kind::Kind;
pub(crate) use others::Others;
use pulse::Pulse;

/// All watches of one cluster.
pub(crate) struct Live {
    cluster: Cluster,
    tracker: TaskTracker,
    cancel: CancellationToken,
    kinds: Mutex<BTreeMap<GroupKind, Arc<Kind>>>,
    inboxes: Arc<Inboxes>,
    pulse: Arc<Pulse>,
}

/// Objects of all versions of a kind are the same objects.
type GroupKind = (String, String);

/// Who wants to hear of which environment's objects.
#[derive(Default)]
pub(crate) struct Inboxes {
    by_label: Mutex<HashMap<String, Weak<Inbox>>>,
    /// Who waits for others to let go of what.
    waiting: Mutex<HashMap<ObjectId, BTreeSet<String>>>,
}

/// The objects of one environment that changed since somebody last looked.
#[derive(Default)]
pub(crate) struct Inbox {
    dirty: Mutex<BTreeSet<ObjectId>>,
    some: Notify,
}

/// What is kept of an object.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// As the judging wants it.
    pub(crate) facts: plan::live::LiveFacts,
    /// Healthy when present, for kinds that have no status to speak of.
    pub(crate) health: Option<Health>,
    /// What others own of it, where anybody does.
    pub(crate) others: Option<Others>,
    /// When it was made, in seconds as the API server counts them.
    created: Option<i64>,
    /// Guards against a watch that lags behind our own writes.
    version: u64,
}

/// How far a watch has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    /// The first list is not complete.
    Pending,
    /// Everything is known.
    Complete,
    /// It cannot be watched, and why.
    Failed(Fault),
}

/// Why a kind cannot be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) reason: api::Reason,
    pub(crate) message: String,
}

/// The known objects of one environment, copied out for one judgement.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    objects: BTreeMap<ObjectId, Known>,
    synced: BTreeSet<GroupKind>,
    /// What other environments ask for, and which.
    claims: BTreeMap<ObjectId, String>,
}

impl Live {
    pub(crate) fn new(cluster: Cluster, tracker: TaskTracker, cancel: CancellationToken) -> Self {
        let (kinds, inboxes) = (Mutex::default(), Arc::default());
        Self {
            cluster,
            tracker,
            cancel,
            kinds,
            inboxes,
            pulse: Arc::new(Pulse::new()),
        }
    }

    /// Tells when the API server goes away, and why, and when it comes back.
    pub(crate) fn reach(&self) -> watch::Receiver<Option<Fault>> {
        self.pulse.gone()
    }

    /// The objects of `label` that change from now on.
    pub(crate) fn listen(&self, label: &str) -> Arc<Inbox> {
        let inbox = Arc::new(Inbox::default());
        let mut all = locked(&self.inboxes.by_label);
        all.retain(|_, inbox| inbox.strong_count() > 0);
        all.insert(label.to_owned(), Arc::downgrade(&inbox));
        inbox
    }

    /// Tells `label` of `ids` as well, which belong to others, and of no others from now on.
    pub(crate) fn wait_for(&self, label: &str, ids: &[ObjectId]) {
        let mut waiting = locked(&self.inboxes.waiting);
        waiting.retain(|_, labels| {
            labels.remove(label);
            !labels.is_empty()
        });
        for id in ids {
            waiting
                .entry(id.clone())
                .or_default()
                .insert(label.to_owned());
        }
    }

    /// Sees to it that each of `resources` is watched, and waits until what is there is known. All at the same time:
    /// one whose list hangs makes nobody wait for the list of another to begin.
    /// Returns those that cannot be watched, and why.
    pub(crate) async fn follow(&self, resources: &[Resource]) -> BTreeMap<Gvk, Fault> {
        let begun: Vec<_> = resources
            .iter()
            .map(|resource| (&resource.gvk, self.watch(resource).subscribe()))
            .collect();
        let mut faults = BTreeMap::new();
        for (gvk, sync) in begun {
            if let Err(fault) = settled(sync).await {
                faults.insert(gvk.clone(), fault);
            }
        }
        faults
    }

    /// Sees to it that each of `resources` is watched, without waiting.
    pub(crate) fn begin(&self, resources: &[Resource]) {
        for resource in resources {
            self.watch(resource);
        }
    }

    /// What is known of `ids`.
    pub(crate) fn snapshot<'a>(&self, ids: impl Iterator<Item = &'a ObjectId>) -> Snapshot {
        let kinds = locked(&self.kinds);
        let mut snapshot = Snapshot::default();
        for (name, kind) in kinds.iter() {
            if kind.is_complete() {
                snapshot.synced.insert(name.clone());
            }
        }
        for id in ids {
            let kind = kinds.get(&(id.group.clone(), id.kind.clone()));
            if let Some(known) = kind.and_then(|kind| kind.get(id)) {
                snapshot.objects.insert(id.clone(), known);
            }
        }
        snapshot
    }

    /// The health of `id`: missing if it is not known.
    pub(crate) fn health(&self, id: &ObjectId) -> Health {
        let kinds = locked(&self.kinds);
        // Asked of thousands of objects at a time, and there are few kinds: looking through them copies no names.
        let mut named = kinds.iter();
        let kind = named.find(|((group, kind), _)| *group == id.group && *kind == id.kind);
        let health = kind.and_then(|(_, kind)| kind.health(id));
        health.unwrap_or_else(health::missing)
    }

    /// Takes in what the API server said in answer to a write of ours, ahead of the watch.
    pub(crate) fn wrote(&self, facts: &Facts, changed: bool) {
        let kind = locked(&self.kinds).get(&group_kind(&facts.id)).cloned();
        if let Some(kind) = kind {
            kind.wrote(facts, changed);
        }
    }

    /// Takes in that an object is gone.
    pub(crate) fn gone(&self, id: &ObjectId, uid: &Brief) {
        let kind = locked(&self.kinds).get(&group_kind(id)).cloned();
        if let Some(kind) = kind {
            kind.gone(id, uid);
        }
    }

    fn watch(&self, resource: &Resource) -> Arc<Kind> {
        let name = (resource.gvk.group.clone(), resource.gvk.kind.clone());
        let mut kinds = locked(&self.kinds);
        let kind = kinds.entry(name).or_insert_with(|| {
            let kind = Arc::new(Kind::new(
                resource.clone(),
                self.inboxes.clone(),
                self.pulse.clone(),
            ));
            let (work, cluster) = (kind.clone(), self.cluster.clone());
            let cancel = self.cancel.clone();
            self.tracker.spawn(async move {
                tokio::select! {
                    () = cancel.cancelled() => {}
                    () = work.run(cluster) => {}
                }
            });
            kind
        });
        kind.clone()
    }
}

impl Inboxes {
    /// Tells whoever listens to `label`, or waits for `id`, that `id` changed.
    fn tell(&self, label: &str, id: &ObjectId) {
        self.put(label, id);
        let waiting = locked(&self.waiting).get(id).cloned();
        for label in waiting.into_iter().flatten() {
            self.put(&label, id);
        }
    }

    fn put(&self, label: &str, id: &ObjectId) {
        if let Some(inbox) = locked(&self.by_label).get(label).and_then(Weak::upgrade) {
            locked(&inbox.dirty).insert(id.clone());
            inbox.some.notify_one();
        }
    }
}

impl Inbox {
    /// Waits until something has changed.
    pub(crate) async fn some(&self) {
        loop {
            let waiting = self.some.notified();
            if !locked(&self.dirty).is_empty() {
                return;
            }
            waiting.await;
        }
    }

    /// Takes what changed, without waiting.
    pub(crate) fn take(&self) -> BTreeSet<ObjectId> {
        std::mem::take(&mut *locked(&self.dirty))
    }
}

impl Known {
    fn new(facts: &Facts, health: Option<Health>) -> Self {
        Self {
            facts: plan::live::LiveFacts {
                uid: Brief::from(&facts.uid),
                environment: facts.environment.as_ref().map(Brief::from),
                owned: facts.owner.as_ref().map(ownership),
                deleting: facts.deleting.is_some(),
                finalizers: match facts.deleting {
                    Some(_) => facts.finalizers.clone(),
                    None => Vec::new(),
                },
                other_tool: facts.other_tool.clone(),
            },
            health,
            others: None,
            created: facts.created.as_deref().and_then(second),
            version: facts.resource_version.parse().unwrap_or(0),
        }
    }

    /// What was done to it in our name after a second of the API server's clock, or `within` it: it was made, changed, or
    /// both.
    pub(crate) fn done_since(&self, then: i64, within: bool) -> Vec<Action> {
        let owned = self.facts.owned.as_ref();
        let time = owned.and_then(|owned| Some(owned.time.as_ref()?.to_string()));
        let (Some(changed), Some(created)) = (time.as_deref().and_then(second), self.created)
        else {
            return Vec::new();
        };
        let since = |second: i64| second > then || (within && second == then);
        let made = since(created).then_some(Action::Created);
        let moved = since(changed) && changed > created;
        let moved = moved.then_some(Action::Updated);
        made.into_iter().chain(moved).collect()
    }
}

/// The second of a time as the API server writes it.
pub(crate) fn second(text: &str) -> Option<i64> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(time.as_second())
}

impl Snapshot {
    /// What is known of `id`.
    pub(crate) fn known(&self, id: &ObjectId) -> Option<&Known> {
        self.objects.get(id)
    }

    /// Adds what other environments ask for.
    pub(crate) fn claimed_by(&mut self, claims: BTreeMap<ObjectId, String>) {
        self.claims = claims;
    }

    /// Adds what a read of its own found, for an object that no watch shows.
    pub(crate) fn add(&mut self, facts: &Facts) {
        self.objects
            .insert(facts.id.clone(), Known::new(facts, None));
    }
}

impl plan::live::LiveView for Snapshot {
    fn get(&self, id: &ObjectId) -> Option<&plan::live::LiveFacts> {
        self.objects.get(id).map(|known| &known.facts)
    }

    fn synced(&self, gvk: &Gvk) -> bool {
        self.synced.contains(&(gvk.group.clone(), gvk.kind.clone()))
    }

    fn claimed(&self, id: &ObjectId) -> Option<&str> {
        self.claims.get(id).map(String::as_str)
    }
}

/// What the judging wants to know of an object that was read by itself.
pub(crate) fn facts(facts: &Facts) -> plan::live::LiveFacts {
    Known::new(facts, None).facts
}

/// The one type of the judging for the one type of the carrying.
pub(crate) fn ownership(owner: &cluster::Ownership) -> plan::inventory::Ownership {
    plan::inventory::Ownership {
        digest: Brief::from(&owner.digest),
        time: owner.time.as_ref().map(Brief::from),
    }
}

fn group_kind(id: &ObjectId) -> GroupKind {
    (id.group.clone(), id.kind.clone())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until the first list is complete or has failed.
async fn settled(mut sync: watch::Receiver<Sync>) -> Result<(), Fault> {
    let state = sync.wait_for(|sync| *sync != Sync::Pending).await;
    match state.as_deref() {
        Ok(Sync::Failed(fault)) => Err(fault.clone()),
        Ok(_) => Ok(()),
        Err(_) => Err(Fault {
            reason: api::Reason::Superseded,
            message: "the agent is shutting down".to_owned(),
        }),
    }
}
