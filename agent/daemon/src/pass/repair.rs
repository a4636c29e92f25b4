//! Puts right what somebody changed and looks at nothing else: that costs what drifted, not what there is.
//!
//! The last pass left nothing undone and nothing but these objects has changed since, so a whole pass would come to the
//! same: they are judged and carried by what judges and carries all, as a smaller list. Wherever that is in doubt, nothing
//! is touched and the whole pass runs.

use std::collections::BTreeSet;

use api::v1alpha1::{DriftMode, StageName, StageResult};
use krm::ObjectId;
use plan::{
    desired::Desired,
    diff::{Plan, part},
    health::HealthStatus,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Pass, act::Work, removal::has_finalizer, scopes::Kinds};
use crate::{
    fields::FieldRules,
    outcome::{Outcome, Told},
    rollouts::said,
};

/// What is to be put right.
struct Repair {
    kinds: Kinds,
    desired: Vec<Desired>,
    plan: Plan,
}

impl Pass<'_> {
    /// Puts those of `ids` right that somebody changed; of the others, health alone can have changed. `None` if that takes a
    /// whole pass: nothing was changed then.
    pub(crate) async fn repair(
        mut self,
        ids: &BTreeSet<ObjectId>,
        cancel: &CancellationToken,
    ) -> Option<Outcome> {
        let began = Instant::now();
        if !self.is_settled() || self.interrupted(cancel) {
            return None;
        }
        let mut changed = self.state.changed_by_others(ids);
        changed.extend(self.state.added_to_by_others(ids));
        let ids: BTreeSet<ObjectId> = changed.into_iter().cloned().collect();
        if ids.is_empty() {
            return Some(self.glance());
        }
        let repair = self.what_drifted(&ids).await?;
        let all = self.state.archived.get().await?.objects;
        let same = all.saturating_sub(repair.plan.drifted.len() + self.drifted_beside().count());
        self.outcome = Outcome {
            unchanged: u32::try_from(same).unwrap_or(u32::MAX),
            ..self.as_before()
        };
        self.outcome
            .timed(StageName::Plan, StageResult::Done, began.elapsed(), None);
        self.put_right(repair, cancel).await;
        self.judge_health();
        Some(self.end())
    }

    /// Keeps what is applied now, for repairs to come. What is on its way step by step is not what git says.
    pub(super) async fn archive(&mut self, desired: Vec<Desired>) {
        let whole = self.outcome.is_applied() && self.rests(&self.outcome);
        if whole && !self.upkeep && !self.leaving {
            let archived = &mut self.state.archived;
            let archives = &self.context.archives;
            archived.keep(archives, &self.label, desired).await;
        }
    }

    /// What git asks for of `ids` and what is to be done about it. `None` if they cannot be judged alone.
    async fn what_drifted(&mut self, ids: &BTreeSet<ObjectId>) -> Option<Repair> {
        self.fields = FieldRules::read(&self.environment.spec).ok()?;
        let ledger = self.state.ledger.as_ref()?;
        self.part = Some(part::part(&ledger.inventory, ids)?);
        let objects = self.state.archived.objects(ids).await?;
        if self.aim().await.is_none() || !self.take_rights() {
            return None;
        }
        let (kinds, desires) = self.desires_beside(objects, BTreeSet::new()).await?;
        if !desires.refused.is_empty() || !desires.hooks.is_empty() {
            return None;
        }
        let desired = desires.objects;
        let (seen, looked) = self.see(&kinds, &desired, false).await?;
        let plan = self.plan(&desired, &seen, false);
        let live = &self.target().live;
        let health = |id: &ObjectId| -> HealthStatus { live.health(id).status };
        let ledger = self.state.ledger.as_ref()?;
        let parts = (desired.as_slice(), self.part.as_ref()?);
        let suffices = part::suffices(&plan, parts, &ledger.inventory, &health);
        (suffices && looked.hidden.is_empty()).then_some(Repair {
            kinds,
            desired,
            plan,
        })
    }

    async fn put_right(&mut self, repair: Repair, cancel: &CancellationToken) {
        let Repair {
            kinds,
            desired,
            plan,
        } = repair;
        let drifted = self.who_drifted(&kinds, &desired, &plan).await;
        if !self.write_ahead(&desired, &plan).await {
            return;
        }
        let carrier = self.carrier(&kinds);
        self.act(&carrier, Work::new(&desired, &plan, None), cancel)
            .await;
        let head = self.outcome.head.as_ref();
        let revision = head.map(|head| head.revision.to_string());
        self.ask(&plan, &revision.unwrap_or_default()).await;
        self.note_drift(drifted, &plan);
        self.foreign(&carrier, &desired, cancel).await;
        self.store().await;
    }

    /// True if the last pass left nothing undone, and nothing is asked for that it did not see.
    fn is_settled(&self) -> bool {
        let Some(last) = &self.state.last else {
            return false;
        };
        let done = last.compared
            && last.is_applied()
            && last.hook.is_none()
            && last.open == crate::outcome::OpenHooks::default()
            && last.waiting.is_none()
            && self.rests(last);
        let spec = &self.environment.spec;
        let metadata = &self.environment.metadata;
        let same = self.state.generation == metadata.generation
            && metadata.deletion_timestamp.is_none()
            && has_finalizer(self.environment);
        let repaired = spec.drift == DriftMode::Report || last.drifted == 0;
        done && same && repaired && !spec.suspend && !self.waits_for_some()
    }

    /// True if nothing goes step by step here, or all that does has come to rest by `outcome`: what git says stands, whole and
    /// in its own place, and nobody has said anything more.
    fn rests(&self, outcome: &Outcome) -> bool {
        let Some(rollouts) = &self.state.rollouts else {
            return outcome.rollout.is_none() && self.environment.spec.strategies.is_empty();
        };
        let told = outcome.rollout.as_ref();
        let said = said(self.environment);
        told.is_some_and(Told::rests) && rollouts.rests() && rollouts.said == said
    }

    /// True if others have to be ready first, or that is not known.
    fn waits_for_some(&self) -> bool {
        if self.environment.spec.depends_on.is_empty() {
            return false;
        }
        let followed = self.state.followed.as_ref();
        let head = followed.and_then(|followed| followed.dealt_with.flatten());
        let registry = &self.context.registry;
        head.is_none_or(|head| {
            let wait = registry.wait(self.key, &head.to_string(), &self.state.answers);
            wait.is_some()
        })
    }
}
