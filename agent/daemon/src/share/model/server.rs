//! The API server of the model: it keeps Leases, in one order for all.

use std::collections::{BTreeMap, VecDeque};

use tokio::time::Instant;

use super::{
    super::{notice::Notice, roster::Sighting},
    TTL,
};

/// The API server: Leases, and what happened to them.
#[derive(Default)]
pub(super) struct Server {
    pub(super) leases: BTreeMap<String, Sighting>,
    pub(super) version: u64,
    pub(super) log: Vec<Event>,
}

#[derive(Clone)]
pub(super) enum Event {
    Restarted,
    Seen(Sighting),
    Gone(String, String),
    Synced,
}

/// A request under way.
pub(super) enum Call {
    Publish {
        notice: Notice,
        asked: Instant,
        /// The UID and version it expects; none to make a new Lease.
        on: Option<(String, u64)>,
        answer: Option<Result<(String, u64), ()>>,
    },
    List(Option<Vec<Sighting>>),
    Delete,
}

impl Server {
    pub(super) fn publish(&mut self, name: &str, call: &mut Call) {
        let Call::Publish {
            notice, on, answer, ..
        } = call
        else {
            return;
        };
        let there = self
            .leases
            .get(name)
            .map(|lease| (lease.uid.clone(), lease.version));
        if there != *on {
            *answer = Some(Err(()));
            return;
        }
        self.version += 1;
        let uid = there.map_or_else(|| format!("{name}/{}", self.version), |(uid, _)| uid);
        let lease = Sighting {
            name: name.to_owned(),
            uid: uid.clone(),
            version: self.version,
            ttl: TTL,
            notice: notice.clone(),
        };
        self.leases.insert(name.to_owned(), lease.clone());
        self.log.push(Event::Seen(lease));
        *answer = Some(Ok((uid, self.version)));
    }

    pub(super) fn delete(&mut self, name: &str) {
        if let Some(lease) = self.leases.remove(name) {
            self.version += 1;
            self.log.push(Event::Gone(name.to_owned(), lease.uid));
        }
    }

    pub(super) fn list(&self) -> Vec<Sighting> {
        self.leases.values().cloned().collect()
    }

    /// What a watch begins with.
    pub(super) fn relist(&self) -> VecDeque<Event> {
        let seen = self.list().into_iter().map(Event::Seen);
        let events = std::iter::once(Event::Restarted).chain(seen);
        events.chain([Event::Synced]).collect()
    }
}
