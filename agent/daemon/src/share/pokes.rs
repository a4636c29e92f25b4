//! Webhooks reach one replica; through its Lease they reach the others.

use std::{collections::BTreeMap, time::Duration};

use api::names;
use cluster::lease::Lease;
use tokio::{sync::mpsc, time::Instant};

use crate::poke::Poke;

/// A flood of webhooks costs one write of the Lease in this time.
const FLOOR: Duration = Duration::from_millis(100);
/// So many bytes of addresses are passed on; more means all repos. The API server takes no Lease with 256 KiB of
/// annotations, and whoever cannot write its Lease loses it.
const LONGEST: usize = 16 * 1024;

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
            self.said = Some(format!("{} {}", self.number, passed_on(&poke)));
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
        Some(read(&said))
    }

    /// Forgets a Lease that is gone.
    pub(super) fn forget(&mut self, name: &str) {
        self.heard.remove(name);
    }
}

/// What others are told of `poke`; nothing means all repos.
fn passed_on(poke: &Poke) -> String {
    let addresses: Vec<&str> = poke.addresses().collect();
    let text = addresses.join(" ");
    match text.len() > LONGEST {
        true => String::new(),
        false => text,
    }
}

/// What the Lease of another replica passes on.
fn read(said: &str) -> Poke {
    Poke::of(said.split(' ').skip(1).filter(|part| !part.is_empty()))
}

#[cfg(test)]
mod tests {
    use source::RepoUrl;

    use super::*;

    /// What another replica hears of `poke`.
    fn passed(poke: Poke) -> (usize, Poke) {
        let (_sender, receiver) = mpsc::channel(1);
        let mut ours = Pokes::new(receiver);
        let mut annotations = BTreeMap::new();
        ours.gather(poke, 2);
        ours.tell(&mut annotations, Instant::now());
        let said = &annotations[names::POKE];
        (said.len(), read(said))
    }

    #[test]
    fn what_is_too_long_for_a_lease_means_all_repos() {
        let url: RepoUrl = "https://git.example.com/acme/config.git".parse().unwrap();
        let (_, few) = passed(Poke::of(["https://git.example.com/acme/other"]));
        assert!(!few.means(&url));
        let long = format!("https://git.example.com/{}", "x".repeat(300 * 1024));
        let (size, all) = passed(Poke::of([long.as_str()]));
        assert!(size < 1024 && all.means(&url));
        let many: Vec<_> = (0..2000)
            .map(|number| format!("https://git.example.com/repo-{number}/{}", "x".repeat(200)))
            .collect();
        let (size, all) = passed(Poke::of(many.iter().map(String::as_str)));
        assert!(size < 1024 && all.means(&url));
    }
}
