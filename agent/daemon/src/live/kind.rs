//! The watch of one kind.

use std::{
    collections::{HashMap, HashSet},
    pin::pin,
    sync::{Arc, Mutex},
};

use cluster::{Cluster, Detail, Facts, Resource, Watched};
use futures::StreamExt as _;
use krm::{Brief, ObjectId};
use plan::health::{self, Health, HealthStatus};
use tokio::sync::watch;

use super::{Fault, GroupKind, Inboxes, Known, Others, Pulse, Sync, locked};

/// All objects of one kind that carry our label.
pub(super) struct Kind {
    resource: Resource,
    inboxes: Arc<Inboxes>,
    pulse: Arc<Pulse>,
    objects: Mutex<HashMap<Place, Box<Known>>>,
    sync: watch::Sender<Sync>,
}

/// Namespace and name, with a slash between them: there are thousands, so each is one text.
type Place = Box<str>;

impl Kind {
    pub(super) fn new(resource: Resource, inboxes: Arc<Inboxes>, pulse: Arc<Pulse>) -> Self {
        let sync = watch::Sender::new(Sync::Pending);
        Self {
            resource,
            inboxes,
            pulse,
            objects: Mutex::default(),
            sync,
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Sync> {
        self.sync.subscribe()
    }

    pub(super) fn is_complete(&self) -> bool {
        *self.sync.borrow() == Sync::Complete
    }

    pub(super) fn get(&self, id: &ObjectId) -> Option<Known> {
        let objects = locked(&self.objects);
        objects.get(&place(id)).map(|known| (**known).clone())
    }

    /// The health of `id`, if it is known.
    pub(super) fn health(&self, id: &ObjectId) -> Option<Health> {
        let objects = locked(&self.objects);
        let known = objects.get(&place(id))?;
        Some(known.health.clone().unwrap_or_else(health::present))
    }

    /// Follows the watch for ever.
    pub(super) async fn run(&self, cluster: Cluster) {
        let detail = match health::has_health(&self.resource.gvk) {
            true => Detail::Full,
            false => Detail::Metadata,
        };
        let selector = api::names::ENVIRONMENT_LABEL.to_owned();
        let mut events = pin!(cluster.watch(&self.resource, None, selector, detail));
        let mut listed: Option<HashSet<Place>> = None;
        while let Some(event) = events.next().await {
            match event {
                Watched::Resumed => self.pulse.answered(&self.name()),
                Watched::Restarted => {
                    self.pulse.answered(&self.name());
                    // A list begins anew, maybe from an older backup: versions start over with it.
                    locked(&self.objects)
                        .values_mut()
                        .for_each(|known| known.version = 0);
                    listed = Some(HashSet::new());
                }
                Watched::Object(live) => {
                    if let Some(listed) = &mut listed {
                        listed.insert(place(&live.facts.id));
                    }
                    self.seen(&live);
                }
                Watched::Gone { id, uid } => self.gone(&id, &uid.into()),
                Watched::Synced => {
                    self.forget_others(listed.take());
                    locked(&self.objects).shrink_to_fit();
                    self.sync.send_if_modified(|sync| {
                        std::mem::replace(sync, Sync::Complete) != Sync::Complete
                    });
                }
                Watched::Failed(fault) => self.failed(&fault),
            }
        }
    }

    /// Takes in an answer to a write of ours. What was `changed` by it counts as on the way until the watch
    /// has shown it: the health from before says nothing about what was just asked for.
    pub(super) fn wrote(&self, facts: &Facts, changed: bool) {
        let mut objects = locked(&self.objects);
        let new = Known::new(facts, None);
        let old = objects
            .get(&place(&facts.id))
            .filter(|old| old.facts.uid == new.facts.uid);
        if old.is_some_and(|old| old.version >= new.version) {
            // The watch was faster.
            return;
        }
        let health = match (health::has_health(&self.resource.gvk), changed) {
            (false, _) => None,
            (true, true) => Some(Health::new(
                HealthStatus::Progressing,
                "applied a moment ago",
            )),
            (true, false) => old.and_then(|old| old.health.clone()),
        };
        // What others own the watch shows in a moment.
        let others = old.and_then(|old| old.others.clone());
        let known = Known {
            health,
            others,
            ..new
        };
        objects.insert(place(&facts.id), Box::new(known));
    }

    /// Takes in that an object is gone.
    pub(super) fn gone(&self, id: &ObjectId, uid: &Brief) {
        let mut objects = locked(&self.objects);
        if objects
            .get(&place(id))
            .is_some_and(|known| known.facts.uid == *uid)
        {
            let known = objects.remove(&place(id));
            drop(objects);
            self.tell(id, known.as_deref());
        }
    }

    fn seen(&self, live: &cluster::Live) {
        let facts = &live.facts;
        let health = live.body.as_ref();
        let health = health.map(|body| health::assess(&self.resource.gvk, body));
        let new = Known {
            others: Others::of(&live.managed_fields),
            ..Known::new(facts, health)
        };
        let mut objects = locked(&self.objects);
        let old = objects.get(&place(&facts.id));
        if old.is_some_and(|old| old.facts.uid == new.facts.uid && old.version > new.version) {
            return;
        }
        let moved = old.is_none_or(|old| !alike(old, &new));
        let left = old
            .filter(|old| old.facts.environment != new.facts.environment)
            .cloned();
        objects.insert(place(&facts.id), Box::new(new.clone()));
        drop(objects);
        if moved {
            self.tell(&facts.id, Some(&new));
            self.tell(&facts.id, left.as_deref());
        }
    }

    /// Drops what a complete list did not show.
    fn forget_others(&self, listed: Option<HashSet<Place>>) {
        let Some(listed) = listed else { return };
        let gvk = &self.resource.gvk;
        let mut lost = Vec::new();
        locked(&self.objects).retain(|place, known| {
            let keep = listed.contains(place);
            if !keep {
                lost.push((place.clone(), known.clone()));
            }
            keep
        });
        for (place, known) in lost {
            let (namespace, name) = place.split_once('/').unwrap_or_default();
            let id = ObjectId {
                group: gvk.group.clone(),
                kind: gvk.kind.clone(),
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            };
            self.tell(&id, Some(&known));
        }
    }

    fn failed(&self, fault: &cluster::WatchFault) {
        let told = Fault {
            reason: crate::words::call(fault),
            message: fault.to_string(),
        };
        self.sync.send_if_modified(|sync| {
            // Once complete, what is known stays useful: the watch goes on from where it was.
            let first = *sync == Sync::Pending;
            if first || matches!(sync, Sync::Failed(_)) {
                *sync = Sync::Failed(told.clone());
            }
            first
        });
        self.pulse.failed(&self.name(), fault, told);
    }

    fn name(&self) -> GroupKind {
        let gvk = &self.resource.gvk;
        (gvk.group.clone(), gvk.kind.clone())
    }

    fn tell(&self, id: &ObjectId, known: Option<&Known>) {
        if let Some(label) = known.and_then(|known| known.facts.environment.as_ref()) {
            self.inboxes.tell(&label.to_string(), id);
        }
    }
}

/// True if nothing differs that anybody judges by.
fn alike(old: &Known, new: &Known) -> bool {
    let same_health = |a: &Option<Health>, b: &Option<Health>| a == b;
    old.facts == new.facts && same_health(&old.health, &new.health) && old.others == new.others
}

fn place(id: &ObjectId) -> Place {
    format!("{}/{}", id.namespace, id.name).into()
}
