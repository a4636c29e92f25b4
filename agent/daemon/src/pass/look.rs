//! Reads what no watch shows, with the rights of the environment.

use std::collections::{BTreeMap, BTreeSet};

use api::v1alpha1::Failure;
use cluster::{CallError, Cluster, Facts, ReadError, Resource};
use futures::{StreamExt as _, stream};
use krm::{Gvk, ObjectId};
use plan::desired::Desired;

use super::{Pass, scopes::Kinds};

/// From how many unseen objects of one kind on a list is cheaper than single reads.
const LIST_FROM: usize = 4;
/// How many kinds are read at the same time, and how many objects of each.
const KINDS_AT_ONCE: usize = 4;
const OBJECTS_AT_ONCE: usize = 4;

/// What reading found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) facts: Vec<Facts>,
    /// What the environment may not or cannot read, and the API server's sentence. Nothing may be concluded of it.
    pub(super) hidden: BTreeMap<ObjectId, String>,
}

/// Which objects were looked for.
pub(super) struct Looked {
    /// Those that were read, or are not there.
    pub(super) read: Vec<ObjectId>,
    /// Those that may not or cannot be read, and why.
    pub(super) hidden: BTreeMap<ObjectId, String>,
}

impl Pass<'_> {
    /// Sees to the watches. Returns the objects of kinds that cannot be watched, each with the reason: nothing is done to
    /// them, and the others need not wait. `None` if no kind at all can be watched, which says something of the cluster.
    pub(super) async fn blind(
        &mut self,
        kinds: &Kinds,
        desired: &[Desired],
    ) -> Option<BTreeMap<ObjectId, String>> {
        let resources = kinds.resources();
        let faults = self.target().live.follow(&resources).await;
        let told: BTreeMap<&Gvk, String> = faults
            .iter()
            .map(|(gvk, fault)| (gvk, format!("cannot watch {gvk}: {}", fault.message)))
            .collect();
        if let Some(fault) = faults.values().next()
            && faults.len() == resources.len()
        {
            let all: Vec<_> = told.into_values().collect();
            self.no_cluster(fault.reason, &all.join("; "));
            return None;
        }
        let kept = self.inventory().into_iter();
        let kept = kept.flat_map(|inventory| inventory.iter().map(|(id, _)| id));
        let ids = desired.iter().map(|object| &object.id).chain(kept);
        let of = |id: &ObjectId| {
            let mut told = told.iter();
            told.find(|(gvk, _)| gvk.group == id.group && gvk.kind == id.kind)
        };
        let blind = ids.filter_map(|id| Some((id.clone(), of(id)?.1.clone())));
        Some(blind.collect())
    }

    /// Reads the facts of `ids`, by lists where they are many.
    pub(super) async fn read(
        &self,
        kinds: &Kinds,
        desired: &[Desired],
        ids: &[ObjectId],
    ) -> Result<Found, ReadError> {
        let groups = self.groups(desired, ids);
        // A kind that is not served has no objects that could be read.
        let groups = groups.iter().filter_map(|((gvk, namespace), ids)| {
            let resource = kinds.resource(gvk)?;
            Some(group(&self.acting, resource, (namespace, ids)))
        });
        let groups: Vec<_> = groups.collect();
        let mut found = Found::default();
        let mut groups = stream::iter(groups).buffer_unordered(KINDS_AT_ONCE);
        while let Some(group) = groups.next().await {
            found.add(group?);
        }
        Ok(found)
    }

    /// Tells what may not be read.
    pub(super) fn tell_hidden(&mut self, hidden: &BTreeMap<ObjectId, String>) {
        let failures = hidden.iter().map(|(id, message)| Failure {
            object: Some(id.to_string()),
            at: None,
            message: format!("cannot be read, so it is left alone: {message}"),
        });
        self.outcome.failures.extend(failures);
    }

    fn groups<'i>(
        &self,
        desired: &[Desired],
        ids: &'i [ObjectId],
    ) -> BTreeMap<(Gvk, &'i str), Vec<&'i ObjectId>> {
        let versions: BTreeMap<&ObjectId, &Gvk> = desired
            .iter()
            .map(|object| (&object.id, &object.gvk))
            .collect();
        let mut groups: BTreeMap<(Gvk, &str), Vec<&ObjectId>> = BTreeMap::new();
        for id in ids {
            let kept = || {
                let entry = self.state.ledger.as_ref()?.inventory.get(id)?;
                let (group, kind) = (id.group.clone(), id.kind.clone());
                Some(Gvk {
                    group,
                    version: entry.version.to_string(),
                    kind,
                })
            };
            if let Some(gvk) = versions.get(id).map(|gvk| (*gvk).clone()).or_else(kept) {
                let place = (gvk, id.namespace.as_str());
                groups.entry(place).or_default().push(id);
            }
        }
        groups
    }
}

impl Found {
    fn add(&mut self, other: Self) {
        self.facts.extend(other.facts);
        self.hidden.extend(other.hidden);
    }
}

/// Reads `ids`, which are of one kind and namespace.
async fn group(
    cluster: &Cluster,
    resource: &Resource,
    (namespace, ids): (&str, &[&ObjectId]),
) -> Result<Found, ReadError> {
    let mut found = Found::default();
    if ids.len() >= LIST_FROM {
        let place = Some(namespace).filter(|_| resource.namespaced);
        match cluster.list_facts_for(resource, place, ids.len()).await {
            Ok(Some(all)) => {
                let wanted: BTreeSet<_> = ids.iter().copied().collect();
                let all = all.into_iter();
                found.facts = all.filter(|facts| wanted.contains(&facts.id)).collect();
                return Ok(found);
            }
            // There are too many, or who may not list may be allowed to read by name.
            Ok(None) | Err(CallError::Forbidden(_)) => {}
            // An answer, and so one about this kind: a webhook that should convert it is dead, for one.
            Err(CallError::Other { message, .. }) => {
                let hidden = ids.iter().map(|id| ((*id).clone(), message.clone()));
                found.hidden = hidden.collect();
                return Ok(found);
            }
            Err(error) => return Err(error),
        }
    }
    let looks = ids.iter().map(|id| one(cluster, resource, (namespace, id)));
    let looks: Vec<_> = looks.collect();
    let mut looks = stream::iter(looks).buffer_unordered(OBJECTS_AT_ONCE);
    while let Some(look) = looks.next().await {
        found.add(look?);
    }
    Ok(found)
}

/// Reads one object.
async fn one(
    cluster: &Cluster,
    resource: &Resource,
    (namespace, id): (&str, &ObjectId),
) -> Result<Found, ReadError> {
    let mut found = Found::default();
    match cluster.look(resource, namespace, &id.name).await {
        Ok(live) => found.facts.extend(live.map(|live| live.facts)),
        Err(CallError::Forbidden(message) | CallError::Other { message, .. }) => {
            found.hidden.insert(id.clone(), message);
        }
        Err(error) => return Err(error),
    }
    Ok(found)
}
