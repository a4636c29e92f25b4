//! The other replicas, as their Leases show them.
//!
//! Whether one is alive is judged by our own clock, from when its Lease was last seen to change; no clocks are
//! compared. What a Lease says of its owner's work is believed for as long as the owner counts as alive, even when the
//! Lease itself is gone.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

use super::notice::{Notice, View};

/// One Lease of another replica, as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) name: String,
    pub(crate) uid: String,
    /// Grows with every change.
    pub(crate) version: u64,
    /// How long silence counts as life.
    pub(crate) ttl: Duration,
    pub(crate) notice: Notice,
}

/// The other replicas.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster {
    others: BTreeMap<String, Other>,
    /// What a list under way has shown so far.
    listing: Option<BTreeSet<String>>,
}

#[derive(Clone, Debug)]
struct Other {
    seen: Sighting,
    /// When it was last seen to change.
    since: Instant,
    /// False once the Lease is gone.
    there: bool,
    /// True if versions may have started over.
    anew: bool,
}

impl Roster {
    /// Takes in what a watch shows. What is older than what is known is ignored.
    pub(crate) fn saw(&mut self, seen: Sighting, now: Instant) {
        if let Some(listing) = &mut self.listing {
            listing.insert(seen.name.clone());
        }
        match self.others.get_mut(&seen.name) {
            Some(known) if seen.version < known.seen.version && !known.anew => {}
            Some(known) if seen == known.seen => known.shown(),
            _ => self.put(seen, now),
        }
    }

    /// Takes in that a Lease is gone. Whoever did not say that it leaves may not know yet.
    pub(crate) fn lost(&mut self, uid: &str) {
        for other in self.others.values_mut() {
            if other.seen.uid == uid {
                other.there = false;
            }
        }
        self.others
            .retain(|_, other| other.there || !other.has_left());
    }

    /// A watch begins anew with a list, maybe from an older backup: versions start over with it.
    pub(crate) fn restarted(&mut self) {
        self.listing = Some(BTreeSet::new());
        for other in self.others.values_mut() {
            other.anew = true;
        }
    }

    /// That list is complete.
    pub(crate) fn synced(&mut self) {
        let Some(shown) = self.listing.take() else {
            return;
        };
        let uids = self.others.values().map(|other| &other.seen);
        let missing = uids.filter(|seen| !shown.contains(&seen.name));
        let missing: Vec<String> = missing.map(|seen| seen.uid.clone()).collect();
        for uid in missing {
            self.lost(&uid);
        }
    }

    /// Takes in a list of all Leases that was asked for after everything seen before.
    pub(crate) fn listed(&mut self, all: Vec<Sighting>, now: Instant) {
        let shown: BTreeSet<String> = all.iter().map(|seen| seen.uid.clone()).collect();
        for seen in all {
            match self.others.get_mut(&seen.name) {
                Some(known) if seen == known.seen => known.shown(),
                _ => self.put(seen, now),
            }
        }
        let gone: Vec<String> = self
            .others
            .values()
            .map(|other| other.seen.uid.clone())
            .filter(|uid| !shown.contains(uid))
            .collect();
        for uid in gone {
            self.lost(&uid);
        }
    }

    /// The others that take part from now on.
    pub(crate) fn view(&self, now: Instant) -> View {
        let present =
            |other: &&Other| other.there && other.is_alive(now) && !other.seen.notice.leaving;
        let present = self.others.values().filter(present);
        present.map(|other| other.seen.name.clone()).collect()
    }

    /// Who of the others may be working on `key`.
    pub(crate) fn claimant(&self, key: &str, now: Instant) -> Option<&str> {
        let claims =
            |other: &&Other| other.is_alive(now) && other.seen.notice.claims(&other.seen.name, key);
        let found = self.others.values().find(claims);
        found.map(|other| other.seen.name.as_str())
    }

    /// When the next of them counts as dead unless it is heard of before.
    pub(crate) fn next_death(&self, now: Instant) -> Option<Instant> {
        let deaths = self.others.values().map(Other::dies);
        deaths.filter(|dies| *dies > now).min()
    }

    /// Changes with everything that `view` and `claimant` go by.
    pub(crate) fn state(&self, now: Instant) -> Vec<(String, u64, bool)> {
        let alive = self.others.values().filter(|other| other.is_alive(now));
        alive
            .map(|other| (other.seen.uid.clone(), other.seen.version, other.there))
            .collect()
    }

    /// Drops what says nothing any more.
    pub(crate) fn forget(&mut self, now: Instant) {
        self.others
            .retain(|_, other| other.there || other.is_alive(now));
    }

    /// The Leases that dead replicas have left behind.
    pub(crate) fn remains(&self, now: Instant) -> Vec<&Sighting> {
        // Twice as long as needed: nobody is in a hurry, and its owner may have been about to come back.
        let cold = |other: &&Other| other.there && now >= other.dies() + other.seen.ttl;
        let cold = self.others.values().filter(cold);
        cold.map(|other| &other.seen).collect()
    }

    fn put(&mut self, seen: Sighting, now: Instant) {
        let other = Other {
            seen,
            since: now,
            there: true,
            anew: false,
        };
        self.others.insert(other.seen.name.clone(), other);
    }
}

impl Other {
    fn shown(&mut self) {
        self.there = true;
        self.anew = false;
    }

    fn dies(&self) -> Instant {
        self.since + self.seen.ttl
    }

    fn is_alive(&self, now: Instant) -> bool {
        now < self.dies()
    }

    fn has_left(&self) -> bool {
        self.seen.notice.leaving && self.seen.notice.keeps.is_empty()
    }
}
