//! Asks the API server what our apply would change, of objects that are in sync as far as the watch tells.
//!
//! Nothing is changed. Bodies, of Secrets too, are compared and forgotten; only places are told.

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream};
use krm::ObjectId;
use plan::{
    audit::differences,
    desired::{ApplyMode, Desired},
};
use tokio::time::Instant;

use super::{Pass, apply::Carrier, scopes::Kinds};
use crate::fields::FieldRules;

/// What a look at some objects showed.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    /// How many objects were looked at.
    pub(crate) checked: usize,
    /// In which places the objects differ of which the watch had told nothing.
    pub(crate) missed: BTreeMap<ObjectId, Vec<String>>,
    /// The object looked at last; none if the end was reached.
    pub(crate) last: Option<ObjectId>,
}

/// Why there was no look.
#[derive(Debug)]
pub(crate) enum NoAudit {
    /// Something newer waits; it comes first.
    News,
    /// It cannot be told what the objects should be.
    Unknown(String),
}

impl Pass<'_> {
    /// Looks at `most` objects at most, in order, beginning after `after`.
    pub(crate) async fn audit(
        mut self,
        most: usize,
        after: Option<&ObjectId>,
    ) -> Result<Audit, NoAudit> {
        let (kinds, objects) = self.wanted().await?;
        let mut objects: Vec<_> = objects
            .iter()
            .filter(|object| {
                after.is_none_or(|after| object.id > *after) && self.is_in_sync(object)
            })
            .collect();
        objects.sort_by(|a, b| a.id.cmp(&b.id));
        let rest = objects.len() > most;
        objects.truncate(most);
        let last = objects.last().filter(|_| rest);
        let mut audit = Audit {
            last: last.map(|object| object.id.clone()),
            ..Audit::default()
        };
        let carrier = self.carrier(&kinds);
        let looks = objects.into_iter().map(|object| look(&carrier, object));
        let looks: Vec<_> = looks.collect();
        let mut looks = stream::iter(looks).buffer_unordered(self.context.concurrency);
        while let Some((id, places)) = looks.next().await {
            match places {
                Err(error) => {
                    tracing::debug!(environment = %self.key, object = %id, error, "was not audited");
                }
                Ok(places) => {
                    audit.checked += 1;
                    if !places.is_empty() {
                        audit.missed.insert(id, places);
                    }
                }
            }
        }
        self.context
            .metrics
            .audited(audit.checked, audit.missed.len());
        Ok(audit)
    }

    /// What the objects should be, by what was dealt with last.
    async fn wanted(&mut self) -> Result<(Kinds, Vec<Desired>), NoAudit> {
        let unknown = |why: &str| NoAudit::Unknown(why.to_owned());
        if self.environment.spec.suspend {
            return Err(unknown("suspended by spec.suspend"));
        }
        self.fields = FieldRules::read(&self.environment.spec).map_err(NoAudit::Unknown)?;
        let followed = self.state.followed.as_mut();
        let followed = followed.ok_or_else(|| unknown("the config repo was not read yet"))?;
        let news = followed.subscription.news();
        let head = news.heads.get(&followed.subscription.branch).copied();
        let same_spec = self.state.generation == self.environment.metadata.generation;
        if head != followed.dealt_with || !same_spec {
            return Err(NoAudit::News);
        }
        let choice = self.choose(&news).await;
        let rendering = self.accept(choice, Instant::now());
        let stop = self.outcome.stop.take();
        let Some(rendering) = rendering else {
            let why = stop.map_or_else(|| "nothing is rendered".to_owned(), |stop| stop.message);
            return Err(NoAudit::Unknown(why));
        };
        if !self.load().await || self.aim().await.is_none() || !self.take_rights() {
            return Err(unknown("the cluster cannot be asked"));
        }
        let objects = Box::pin(self.as_it_stands(rendering)).await;
        let desires = self.desires(objects).await;
        let (kinds, desires) = desires.ok_or_else(|| unknown("the cluster cannot be asked"))?;
        Ok((kinds, desires.objects))
    }

    /// True if the object is as git wants it as far as the watch tells.
    fn is_in_sync(&self, object: &Desired) -> bool {
        let applies = matches!(object.apply, ApplyMode::Always | ApplyMode::Merge);
        let entry = self
            .state
            .ledger
            .as_ref()
            .and_then(|ledger| ledger.inventory.get(&object.id));
        let snapshot = self.target().live.snapshot(std::iter::once(&object.id));
        let (Some(entry), Some(known)) = (entry, snapshot.known(&object.id)) else {
            return false;
        };
        applies
            && entry.applied == Some(object.digest.as_str().into())
            && entry.uid.as_ref() == Some(&known.facts.uid)
            && entry.owned.is_some()
            && entry.owned == known.facts.owned
            && !known.facts.deleting
    }
}

async fn look(carrier: &Carrier<'_>, object: &Desired) -> (ObjectId, Result<Vec<String>, String>) {
    let pair = carrier.rehearse(object).await;
    let places = pair.map(|(live, after)| differences(&live, &after));
    (object.id.clone(), places)
}
