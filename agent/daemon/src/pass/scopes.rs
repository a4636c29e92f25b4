//! The kinds a pass deals with, as the cluster serves them.

use std::collections::{BTreeMap, BTreeSet};

use cluster::{Cluster, ResolveError, Resource};
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
    /// Asks the cluster for kinds not asked for before.
    pub(super) async fn learn(&mut self, cluster: &Cluster, wanted: BTreeSet<Gvk>) {
        for gvk in wanted {
            if self.served.contains_key(&gvk) {
                continue;
            }
            match cluster.resolve(&gvk).await {
                Ok(resource) => {
                    self.faults.remove(&gvk);
                    self.served.insert(gvk, resource);
                }
                Err(error) => {
                    let gone = matches!(error, ResolveError::Call(_));
                    self.faults.insert(gvk, error);
                    if gone {
                        // Each further kind would be waited for as long as this one.
                        return;
                    }
                }
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

/// The kinds of rendered objects.
pub(super) fn kinds_of<'a>(objects: impl Iterator<Item = &'a Value>) -> BTreeSet<Gvk> {
    let text = |object: &'a Value, key: &str| object.get(key).and_then(Value::as_str);
    objects
        .filter_map(|object| Some(Gvk::new(text(object, "apiVersion")?, text(object, "kind")?)))
        .collect()
}
