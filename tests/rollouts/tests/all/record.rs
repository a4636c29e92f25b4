//! What the API server wrote down of a rollout: shares as they were written, and who wrote what how often.

use anyhow::Result;
use lab::audit::{Entries, Entry, Mark};
use serde_json::Value;

use crate::show::Show;

impl Show {
    /// What the agents changed since `mark`.
    pub(crate) fn changes(&self, mark: Mark) -> Result<Entries> {
        let writes = self.shop.requests(mark)?.writes();
        Ok(writes.only(|entry| entry.succeeded() && entry.resource != "leases"))
    }

    /// Per cent that the routes gave to the new version, one after the other, as the agents wrote it since `mark`. Told
    /// twice in a row, it counts once.
    pub(crate) fn weights(&self, mark: Mark) -> Result<Vec<u64>> {
        // Of what was sent by somebody who was killed there may be no answer on record.
        let routes = self.shop.requests(mark)?.writes().of("httproutes");
        let mut weights: Vec<u64> = routes.iter().filter_map(weight).collect();
        weights.dedup();
        Ok(weights)
    }

    /// How often the agents made an object of this name since `mark`.
    pub(crate) fn made(&self, mark: Mark, resource: &str, name: &str) -> Result<usize> {
        let entries = self.changes(mark)?.of(resource).named(name);
        Ok(entries.iter().filter(|entry| entry.code == 201).count())
    }
}

/// Per cent that a route as it was written gives to the new version.
pub(crate) fn weight(entry: &Entry) -> Option<u64> {
    let backends = entry.request.as_ref()?["spec"]["rules"][0]["backendRefs"].as_array()?;
    let share = |backend: &Value| backend["weight"].as_u64().unwrap_or(1);
    let all: u64 = backends.iter().map(share).sum();
    let canaries = backends.iter().filter(|backend| {
        let name = backend["name"].as_str().unwrap_or_default();
        name.ends_with("-canary")
    });
    Some(canaries.map(share).sum::<u64>() * 100 / all.max(1))
}
