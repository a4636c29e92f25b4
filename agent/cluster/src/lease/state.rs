//! What an elector knows and decides, without a clock or a network of its own.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::election::{Election, Leadership};
use crate::{Watched, guard::jittered};

/// When there is nothing to do but to listen.
const LONG: Duration = Duration::from_hours(1);

pub(super) struct State {
    election: Arc<Election>,
    /// Whether the first list has come; before that, no Lease does not mean that there is none.
    synced: bool,
    seen: Option<Seen>,
    /// A new list is under way, and has not shown the Lease yet.
    missing: bool,
    renewed: Option<Instant>,
    valid_until: Option<Instant>,
    not_before: Option<Instant>,
    listening_since: Instant,
}

/// The Lease as it was last seen.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    version: String,
    uid: String,
    holder: String,
    ttl: Duration,
    acquired: Value,
    transitions: i64,
    /// When this version was first seen, by our own clock.
    since: Instant,
}

/// What to send.
pub(super) struct Write {
    pub(super) create: bool,
    pub(super) body: Value,
}

/// The Lease as a read of its own shows it.
pub(super) enum Reading {
    There(Value),
    Missing,
    Unknown,
}

impl State {
    pub(super) fn new(election: Arc<Election>, now: Instant) -> Self {
        Self {
            election,
            synced: false,
            seen: None,
            missing: false,
            renewed: None,
            valid_until: None,
            not_before: None,
            listening_since: now,
        }
    }

    /// When the next attempt to write is due.
    pub(super) fn due(&self) -> Instant {
        let wanted = match &self.seen {
            _ if !self.synced => self.listening_since + LONG,
            None => self.listening_since,
            Some(seen) if self.is_mine(seen) => match self.renewed {
                Some(renewed) => renewed + self.election.renew,
                None => seen.since,
            },
            Some(seen) if seen.holder.is_empty() => seen.since,
            Some(seen) => seen.since + seen.ttl,
        };
        self.not_before
            .map_or(wanted, |not_before| wanted.max(not_before))
    }

    /// Takes in what the watch says.
    pub(super) fn observe(&mut self, event: Watched, now: Instant) {
        match event {
            Watched::Restarted => self.missing = true,
            Watched::Object(live) => {
                // A list begins anew, maybe from an older backup: versions start over with it.
                let anew = std::mem::take(&mut self.missing);
                if let Some(seen) = live.body.as_ref().and_then(|lease| Seen::read(lease, now)) {
                    self.saw(seen, anew);
                }
            }
            Watched::Gone { uid, .. } => {
                if self.seen.as_ref().is_some_and(|seen| seen.uid == uid) {
                    self.lost(None);
                }
            }
            Watched::Synced => {
                if std::mem::take(&mut self.missing) && self.seen.is_some() {
                    self.lost(None);
                }
                self.synced = true;
            }
            Watched::Resumed | Watched::Failed(_) => {}
        }
    }

    /// What to write now.
    pub(super) fn write(&self, wall: Timestamp) -> Write {
        self.document(&self.election.identity, self.election.ttl, wall)
    }

    /// What to write at the end; none if the Lease is not ours.
    pub(super) fn release(&mut self, wall: Timestamp) -> Option<Write> {
        let mine = self.seen.as_ref().is_some_and(|seen| self.is_mine(seen));
        self.valid_until = None;
        mine.then(|| self.document("", Duration::from_secs(1), wall))
    }

    /// The write went well.
    pub(super) fn written(&mut self, seen: Seen, asked: Instant) {
        // The others wait for the whole of it.
        self.valid_until = Some(asked + self.election.ttl / 5 * 4);
        self.renewed = Some(asked);
        self.not_before = None;
        self.seen = Some(seen);
    }

    /// The Lease is not as we thought; it is `now` so, if that could be read.
    pub(super) fn refused(&mut self, now: Reading, at: Instant) {
        match now {
            Reading::Unknown => {}
            Reading::Missing => self.lost(None),
            Reading::There(lease) => {
                if let Some(seen) = Seen::read(&lease, at) {
                    self.saw(seen, false);
                }
            }
        }
        self.failed(at);
    }

    /// The write did not go through, or nobody knows.
    pub(super) fn failed(&mut self, at: Instant) {
        self.not_before = Some(at + jittered(self.election.renew / 4));
    }

    pub(super) fn leadership(&self) -> Leadership {
        let holder = self.seen.as_ref().map(|seen| seen.holder.clone());
        Leadership {
            valid_until: self.valid_until,
            holder: holder.filter(|holder| !holder.is_empty()),
        }
    }

    fn saw(&mut self, seen: Seen, anew: bool) {
        let known = self.seen.as_ref();
        if known.is_some_and(|known| !anew && !seen.is_after(known)) {
            return;
        }
        if known.is_some_and(|known| known.version == seen.version && known.uid == seen.uid) {
            return;
        }
        match self.is_mine(&seen) {
            true => self.seen = Some(seen),
            false => self.lost(Some(seen)),
        }
    }

    fn lost(&mut self, seen: Option<Seen>) {
        self.seen = seen;
        self.valid_until = None;
        self.renewed = None;
    }

    fn is_mine(&self, seen: &Seen) -> bool {
        seen.holder == self.election.identity
    }

    fn document(&self, holder: &str, ttl: Duration, wall: Timestamp) -> Write {
        let now = format!("{wall:.6}");
        let stays = self
            .seen
            .as_ref()
            .filter(|seen| seen.holder == holder || holder.is_empty());
        let acquired = stays.map_or_else(|| json!(now), |seen| seen.acquired.clone());
        let transitions = match (&self.seen, stays) {
            (None, _) => 0,
            (Some(_), Some(seen)) => seen.transitions,
            (Some(seen), None) => seen.transitions + 1,
        };
        let body = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": self.election.name,
                "namespace": self.election.namespace,
                "resourceVersion": self.seen.as_ref().map(|seen| &seen.version),
                "uid": self.seen.as_ref().map(|seen| &seen.uid),
            },
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": ttl.as_secs().max(1),
                "acquireTime": acquired,
                "renewTime": now,
                "leaseTransitions": transitions,
            },
        });
        Write {
            create: self.seen.is_none(),
            body,
        }
    }
}

impl Seen {
    /// Reads a Lease; none if it is not one.
    pub(super) fn read(lease: &Value, now: Instant) -> Option<Self> {
        let (metadata, spec) = (lease.get("metadata")?, lease.get("spec")?);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Some(Self {
            version: metadata["resourceVersion"].as_str()?.to_owned(),
            uid: metadata["uid"].as_str()?.to_owned(),
            holder: text(&spec["holderIdentity"]),
            ttl: Duration::from_secs(spec["leaseDurationSeconds"].as_u64().unwrap_or(15)),
            acquired: spec["acquireTime"].clone(),
            transitions: spec["leaseTransitions"].as_i64().unwrap_or(0),
            since: now,
        })
    }

    /// Versions of one object only grow; what cannot be compared counts as newer.
    fn is_after(&self, known: &Self) -> bool {
        match (self.version.parse::<u64>(), known.version.parse::<u64>()) {
            (Ok(new), Ok(old)) => new > old,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests;
