//! Who changed what, told before and after it is put right.

use std::collections::BTreeSet;

use api::v1alpha1::{DriftAction, DriftEntry, DriftMode};
use futures::{FutureExt as _, StreamExt as _, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use krm::ObjectId;
use plan::{desired::Desired, diff::Plan, drift};

use super::{Pass, scopes::Kinds};

/// How many fields of one object are told.
const FIELDS: usize = 10;

/// What somebody changed in one object.
pub(super) struct Drifted {
    id: ObjectId,
    entries: Vec<DriftEntry>,
}

impl Pass<'_> {
    /// Asks the API server who changed what. Has to happen before anything is put right.
    pub(super) async fn who_drifted(
        &self,
        kinds: &Kinds,
        desired: &[Desired],
        plan: &Plan,
    ) -> Vec<Drifted> {
        let mut looks = Vec::with_capacity(plan.drifted.len());
        for drifted in &plan.drifted {
            let object = &desired[drifted.index];
            looks.push(self.who(kinds, object, drifted.deleted).boxed());
        }
        let looks = stream::iter(looks).buffered(self.context.concurrency);
        looks.collect().await
    }

    async fn who(&self, kinds: &Kinds, object: &Desired, deleted: bool) -> Drifted {
        Drifted {
            id: object.id.clone(),
            entries: match deleted {
                true => vec![entry(&object.id, None)],
                false => self.fields(kinds, object).await,
            },
        }
    }

    /// Takes drift into the outcome, with what became of it.
    pub(super) fn note_drift(&mut self, drifted: Vec<Drifted>, plan: &Plan) {
        let repair = self.environment.spec.drift == DriftMode::Repair;
        let failed = |id: &ObjectId| {
            let name = id.to_string();
            self.outcome
                .failures
                .iter()
                .any(|failure| failure.object.as_deref() == Some(&name))
        };
        let mut left = BTreeSet::new();
        let mut told = Vec::new();
        for Drifted { id, entries } in drifted {
            let action = match (repair, failed(&id)) {
                (false, _) => DriftAction::Reported,
                (true, true) => DriftAction::Failed,
                (true, false) => DriftAction::Repaired,
            };
            let entries = entries
                .into_iter()
                .map(|entry| DriftEntry { action, ..entry });
            told.extend(entries.filter(|entry| !self.stands_told(&id, entry)));
            if action != DriftAction::Repaired {
                left.insert(id);
            }
        }
        debug_assert!(left.len() <= plan.drifted.len());
        // Nobody has touched the others since somebody looked.
        left.extend(self.drifted_beside().cloned());
        // What was told before and still stands is not news.
        told.retain(|entry| !self.state.status.drift.entries.contains(entry));
        self.context.metrics.drift(told.len());
        self.outcome.drifted = u32::try_from(left.len()).unwrap_or(u32::MAX);
        self.outcome.drift = told;
        self.state.drifted = left;
    }

    /// True if that was told when somebody last looked, and still stands. Where nobody is recorded, no time is either, so that
    /// it seems to be new each time.
    fn stands_told(&self, id: &ObjectId, entry: &DriftEntry) -> bool {
        let same = |told: &DriftEntry| {
            (&told.object, &told.field, told.action) == (&entry.object, &entry.field, entry.action)
        };
        let before = &self.state.status.drift.entries;
        entry.manager.is_none() && self.state.drifted.contains(id) && before.iter().any(same)
    }

    /// Which objects differ that are not in the part that is looked at; none where all are.
    pub(super) fn drifted_beside(&self) -> impl Iterator<Item = &ObjectId> {
        let part = self.part.as_ref();
        let beside = move |id: &&ObjectId| part.is_some_and(|part| part.get(id).is_none());
        self.state.drifted.iter().filter(beside)
    }

    async fn fields(&self, kinds: &Kinds, object: &Desired) -> Vec<DriftEntry> {
        let Some(resource) = kinds.resource(&object.gvk) else {
            return Vec::new();
        };
        let (namespace, name) = (&object.id.namespace, &object.id.name);
        let read = self.acting.look(resource, namespace, name).await;
        let Ok(Some(live)) = read else {
            return vec![entry(&object.id, None)];
        };
        let lost = drift::lost(
            &object.body,
            &live.managed_fields,
            api::names::FIELD_MANAGER,
        );
        if let (true, Some(places)) = (lost.is_empty(), self.state.audited.get(&object.id)) {
            let places = places.iter().take(FIELDS);
            let told = places.map(|place| DriftEntry {
                field: Some(place.clone()),
                ..entry(&object.id, None)
            });
            return told.collect();
        }
        if lost.is_empty() {
            // Nothing is missing: somebody applied under our name, or took all of it.
            return vec![DriftEntry {
                field: Some("metadata.managedFields".to_owned()),
                ..entry(&object.id, None)
            }];
        }
        lost.into_iter()
            .take(FIELDS)
            .map(|field| entry(&object.id, Some(field)))
            .collect()
    }
}

fn entry(id: &ObjectId, field: Option<drift::LostField>) -> DriftEntry {
    let (field, by) = field.map_or((None, None), |field| (Some(field.path), field.by));
    let recorded = by.as_ref().and_then(|by| by.time.as_ref()?.parse().ok());
    // Some writes are recorded without a time; then it was no later than this.
    let time = Some(Time(recorded.unwrap_or_else(jiff::Timestamp::now)));
    DriftEntry {
        object: id.to_string(),
        field,
        manager: by.map(|by| match by.subresource.is_empty() {
            true => by.manager,
            false => format!("{} ({})", by.manager, by.subresource),
        }),
        time,
        action: DriftAction::Reported,
    }
}
