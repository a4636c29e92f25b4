//! The kinds a pass deals with, as the cluster serves them.

use std::collections::{BTreeMap, BTreeSet};

use cluster::{Cluster, ResolveError, Resource};
use futures::{StreamExt as _, stream::FuturesUnordered};
use krm::Gvk;
use plan::desired::Scopes;
use serde_json::Value;

/// What the cluster said of each kind.
#[derive(Default)]
pub(super) struct Kinds {
    served: BTreeMap<Gvk, Resource>,
    faults: BTreeMap<Gvk, ResolveError>,
}

impl Kinds {
    /// Asks the cluster for kinds not asked for before: for those of each group and version together, because one answer
    /// tells of all of them.
    pub(super) async fn learn(&mut self, cluster: &Cluster, wanted: BTreeSet<Gvk>) {
        let mut groups: BTreeMap<(String, String), Vec<Gvk>> = BTreeMap::new();
        let new = wanted.into_iter();
        for gvk in new.filter(|gvk| !self.served.contains_key(gvk)) {
            let group = (gvk.group.clone(), gvk.version.clone());
            groups.entry(group).or_default().push(gvk);
        }
        let groups = groups.into_values();
        let groups: FuturesUnordered<_> = groups.map(|kinds| ask(cluster, kinds)).collect();
        for (gvk, answer) in groups.concat().await {
            match answer {
                Ok(resource) => {
                    self.faults.remove(&gvk);
                    self.served.insert(gvk, resource);
                }
                Err(error) => drop(self.faults.insert(gvk, error)),
            }
        }
    }

    /// The kind, if the cluster serves it.
    pub(super) fn resource(&self, gvk: &Gvk) -> Option<&Resource> {
        self.served.get(gvk)
    }

    /// All kinds the cluster serves.
    pub(super) fn resources(&self) -> Vec<Resource> {
        self.served.values().cloned().collect()
    }

    /// Forgets all but `used`.
    pub(super) fn retain(&mut self, used: &BTreeSet<Gvk>) {
        self.served.retain(|gvk, _| used.contains(gvk));
    }

    /// The first reason why nothing can be told of some kind, so that nothing should be concluded from it.
    pub(super) fn unreachable(&self) -> Option<&ResolveError> {
        self.faults
            .values()
            .find(|fault| !matches!(fault, ResolveError::UnknownKind(_)))
    }
}

impl Scopes for Kinds {
    fn namespaced(&self, gvk: &Gvk) -> Option<bool> {
        self.resource(gvk).map(|resource| resource.namespaced)
    }
}

/// Asks for `kinds`, which are of one group and version.
async fn ask(cluster: &Cluster, kinds: Vec<Gvk>) -> Vec<(Gvk, Result<Resource, ResolveError>)> {
    let mut answers = Vec::with_capacity(kinds.len());
    for gvk in kinds {
        let answer = cluster.resolve(&gvk).await;
        let gone = matches!(answer, Err(ResolveError::Call(_)));
        answers.push((gvk, answer));
        if gone {
            // Each further kind would be waited for as long as this one.
            break;
        }
    }
    answers
}

/// The kinds of rendered objects.
pub(super) fn kinds_of<'a>(objects: impl Iterator<Item = &'a Value>) -> BTreeSet<Gvk> {
    let text = |object: &'a Value, key: &str| object.get(key).and_then(Value::as_str);
    objects
        .filter_map(|object| Some(Gvk::new(text(object, "apiVersion")?, text(object, "kind")?)))
        .collect()
}
