//! Webhooks reach one replica; through its Lease they reach the others.

use std::{collections::BTreeMap, time::Duration};

use api::names;
use cluster::lease::Lease;
use tokio::{sync::mpsc, time::Instant};

use crate::poke::Poke;

/// A flood of webhooks costs one write of the Lease in this time.
const FLOOR: Duration = Duration::from_millis(100);

/// What was heard, and what is to be passed on.
pub(super) struct Pokes {
    receiver: mpsc::Receiver<Poke>,
    /// What our Lease says, with a number that makes each different.
    said: Option<String>,
    number: u64,
    waiting: Option<Poke>,
    last: Option<Instant>,
    heard: BTreeMap<String, Option<String>>,
}

impl Pokes {
    pub(super) fn new(receiver: mpsc::Receiver<Poke>) -> Self {
        Self {
            receiver,
            said: None,
            number: 0,
            waiting: None,
            last: None,
            heard: BTreeMap::new(),
        }
    }

    /// The next one that reaches this replica.
    pub(super) async fn next(&mut self) -> Option<Poke> {
        self.receiver.recv().await
    }

    /// Keeps `poke` for the others, if there are any.
    pub(super) fn gather(&mut self, poke: Poke, replicas: usize) {
        if replicas > 1 {
            self.waiting = Some(match self.waiting.take() {
                Some(waiting) => waiting.and(&poke),
                None => poke,
            });
        }
    }

    /// When the Lease is to be written because of one.
    pub(super) fn when(&self, now: Instant) -> Option<Instant> {
        self.waiting.as_ref()?;
        Some(self.last.map_or(now, |last| last + FLOOR))
    }

    /// Adds to what our Lease says.
    pub(super) fn tell(&mut self, annotations: &mut BTreeMap<String, String>, now: Instant) {
        if let Some(poke) = self.waiting.take() {
            self.number += 1;
            self.last = Some(now);
            let addresses: Vec<&str> = poke.addresses().collect();
            self.said = Some(format!("{} {}", self.number, addresses.join(" ")));
        }
        if let Some(said) = &self.said {
            annotations.insert(names::POKE.to_owned(), said.clone());
        }
    }

    /// What the Lease of another replica passes on that was not heard before.
    pub(super) fn heard(&mut self, lease: &Lease) -> Option<Poke> {
        let said = lease.annotations.get(names::POKE).cloned();
        let before = self.heard.insert(lease.name.clone(), said.clone());
        // What it said before we were there has been done.
        let said =
            said.filter(|said| before.is_some_and(|before| before.as_ref() != Some(said)))?;
        let addresses = said.split(' ').skip(1).filter(|part| !part.is_empty());
        Some(Poke::of(addresses))
    }

    /// Forgets a Lease that is gone.
    pub(super) fn forget(&mut self, name: &str) {
        self.heard.remove(name);
    }
}
