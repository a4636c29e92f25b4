//! Fields that people have added by hand and git does not mention: told, or taken out again.

use std::collections::{BTreeMap, BTreeSet};

use api::v1alpha1::{DriftAction, DriftEntry, DriftMode, ForeignEntry, ForeignFields};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use plan::{
    desired::{ApplyMode, Desired},
    drift::{Author, ForeignField, foreign},
    fields::is_left,
};
use tokio_util::sync::CancellationToken;

use super::{Pass, apply::Carrier};

impl Pass<'_> {
    /// Looks for them on every object that is kept equal to git.
    pub(super) async fn foreign(
        &mut self,
        carrier: &Carrier<'_>,
        desired: &[Desired],
        cancel: &CancellationToken,
    ) {
        let found = self.added(desired);
        let removes = self.fields.foreign == ForeignFields::Remove
            && self.environment.spec.drift == DriftMode::Repair;
        let mut told = self.told_before(desired);
        for (object, fields) in found {
            let (stay, go): (Vec<_>, Vec<_>) = fields
                .into_iter()
                .partition(|field| field.lasting || !removes || cancel.is_cancelled());
            told.extend(stay.into_iter().map(|field| entry(object, field)));
            if !go.is_empty() {
                told.extend(self.take_out(carrier, object, go).await);
            }
        }
        told.sort_by(|a, b| a.object.cmp(&b.object));
        self.outcome.foreign = Some(told);
    }

    /// What was told of other objects, where only `desired` are looked at.
    fn told_before(&mut self, desired: &[Desired]) -> Vec<ForeignEntry> {
        let told = self.outcome.foreign.take().filter(|_| self.part.is_some());
        let mut told = told.unwrap_or_default();
        let looked: BTreeSet<String> = desired.iter().map(|it| it.id.to_string()).collect();
        told.retain(|entry| !looked.contains(&entry.object));
        told
    }

    /// What was added to which object.
    fn added<'d>(&mut self, desired: &'d [Desired]) -> Vec<(&'d Desired, Vec<ForeignField>)> {
        let snapshot = self
            .target()
            .live
            .snapshot(desired.iter().map(|object| &object.id));
        let mut found = Vec::new();
        let mut seen = match self.part {
            Some(_) => std::mem::take(&mut self.state.foreign_seen),
            None => BTreeMap::new(),
        };
        for object in desired {
            seen.remove(&object.id);
        }
        for object in desired {
            let known = snapshot.known(&object.id);
            let Some(others) = known.and_then(|known| known.others.as_ref()) else {
                continue;
            };
            let counts = |manager: &str| self.fields.counts(manager);
            match others.set_of(&counts) {
                0 => continue,
                set => drop(seen.insert(object.id.clone(), set)),
            }
            let ours = known
                .is_some_and(|known| known.facts.environment == Some(self.label.as_str().into()));
            if object.apply != ApplyMode::Always || !ours {
                continue;
            }
            let mut fields = foreign(object.whole(), others.entries(), &counts);
            fields.retain(|field| !is_left(&field.fields, &object.left));
            if !fields.is_empty() {
                found.push((object, fields));
            }
        }
        self.state.foreign_seen = seen;
        found
    }

    /// Takes `fields` out of the object; what could not be is still to be told.
    async fn take_out(
        &mut self,
        carrier: &Carrier<'_>,
        object: &Desired,
        fields: Vec<ForeignField>,
    ) -> Vec<ForeignEntry> {
        let share = fields
            .iter()
            .map(|field| (field.by.clone(), field.fields.clone()));
        let share: Vec<_> = share.collect();
        let done = carrier.take_out(object, &share).await;
        let action = match &done {
            Ok(_) => DriftAction::Removed,
            Err(error) => {
                tracing::warn!(environment = %self.key, object = %object.id, error, "what somebody added could not be taken out");
                DriftAction::Failed
            }
        };
        if let Ok(applied) = &done {
            self.wrote(object, applied);
        }
        let told = fields.iter().map(|field| removed(object, field, action));
        let known = &self.state.status.drift.entries;
        let told = told.filter(|entry| action == DriftAction::Removed || !known.contains(entry));
        let told: Vec<_> = told.collect();
        self.context.metrics.drift(told.len());
        self.outcome.drift.extend(told);
        match done {
            Ok(_) => Vec::new(),
            Err(_) => fields
                .into_iter()
                .map(|field| entry(object, field))
                .collect(),
        }
    }
}

fn entry(object: &Desired, field: ForeignField) -> ForeignEntry {
    ForeignEntry {
        object: object.id.to_string(),
        time: time(&field.by),
        field: field.path,
        manager: field.by.manager,
    }
}

fn removed(object: &Desired, field: &ForeignField, action: DriftAction) -> DriftEntry {
    DriftEntry {
        object: object.id.to_string(),
        field: Some(field.path.clone()),
        manager: Some(field.by.manager.clone()),
        time: time(&field.by),
        action,
    }
}

fn time(by: &Author) -> Option<Time> {
    by.time.as_ref()?.parse().ok().map(Time)
}
