//! Compares what git asks for with the cluster, and carries the plan out.

use std::collections::{BTreeMap, BTreeSet};

use api::{
    Reason,
    v1alpha1::{Adopt, DriftMode, Failure, StageName, StageResult},
};
use cluster::CallError;
use krm::{Gvk, ObjectId};
use plan::{
    desired::{Desired, Desires, Origin, Refusal, Target, desire, put_first, reach::restrict},
    diff::{self, AdoptRule, Budget, DriftRule, Plan, PlanInput, Rules},
    inventory::Inventory,
};
use rollout::hooks::Turn;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Pass,
    act::Work,
    look::{Found, Looked},
    scopes::{Kinds, kinds_of},
};
use crate::{live::Snapshot, outcome::Retry, rendered::Rendering, state::waits_for_its_time};

impl Pass<'_> {
    /// Makes the cluster equal to `rendering`, as far as that goes now.
    pub(super) async fn converge(&mut self, rendering: Rendering, cancel: &CancellationToken) {
        let began = Instant::now();
        let revision = rendering.revision;
        let mut objects = rendering.objects;
        for name in self.reached.namespaces.clone() {
            if self.with_namespace(&name, &mut objects).await.is_none() {
                return;
            }
        }
        let Some((kinds, desires)) = self.desires(objects).await else {
            return;
        };
        let mut complete = desires.refused.is_empty() && self.is_sure();
        complete &= !self.upkeep;
        self.refuse(&desires);
        // Going on without them could bring a version up that needs what they do.
        if self.lacks_hooks(&desires) {
            self.cannot_prepare();
            return;
        }
        let mut sound = desires.refused.is_empty();
        let mut desired = desires.objects;
        self.mark_aside(&mut desired);
        put_first(&mut desired, &self.routing);
        self.want(&desired);
        let Some((seen, hidden)) = self.observe(&kinds, &desired, complete).await else {
            return;
        };
        complete &= hidden.is_empty();
        sound &= hidden.is_empty();
        let lacking = take_out(&mut desired, &hidden, &desires.refused);
        let mut plan = self.plan(&desired, &seen, complete);
        self.outcome.compared = true;
        self.wait_for_neighbours(&mut plan);
        self.outcome.unchanged = u32::try_from(plan.unchanged + plan.frozen).unwrap_or(u32::MAX);
        self.outcome
            .timed(StageName::Plan, StageResult::Done, began.elapsed(), None);
        self.hold(&plan);
        let drifted = self.who_drifted(&kinds, &desired, &plan).await;
        if !self.write_ahead(&desired, &plan).await {
            return;
        }
        let carrier = self.carrier(&kinds);
        self.let_go(&carrier, &plan, false).await;
        let hooks = (revision.to_string(), sound);
        let jobs = Some(desires.hooks).filter(|_| !self.upkeep && !self.leaving);
        let jobs = jobs.unwrap_or_default();
        if !self.see_hooks(jobs, &carrier, (&hooks.0, hooks.1)).await {
            return;
        }
        let work = Work::new(&desired, &plan, lacking);
        self.act(&carrier, work, cancel).await;
        self.make_up(&desired);
        self.judge_hooks();
        self.ask(&plan, &revision.to_string()).await;
        self.wait_for_claims(&seen);
        self.note_drift(drifted, &plan);
        self.foreign(&carrier, &desired, cancel).await;
        self.hooks.keep(kinds);
        self.finish(revision, desired).await;
    }

    /// True if what is not asked for may go. A rollout under way knows its revisions and asks nobody for a newer one.
    fn is_sure(&self) -> bool {
        self.outcome.stop.is_none() || (self.wished.is_some() && self.goes_on())
    }

    /// True if a hook of what is to be applied is refused.
    fn lacks_hooks(&mut self, desires: &Desires) -> bool {
        let rejected = matches!(self.hooks.turn, Turn::Rejected(_));
        let heeds = !self.upkeep && !self.leaving && !rejected;
        self.hooks.lacking = desires.lacks_hooks && heeds;
        self.hooks.lacking
    }

    /// Writes down what came of it.
    async fn finish(&mut self, revision: source::Revision, desired: Vec<Desired>) {
        self.note_revision(revision);
        self.store().await;
        self.archive(desired).await;
    }

    /// Notes in the inventory that all of `revision` is applied.
    fn note_revision(&mut self, revision: source::Revision) {
        let waits = self.outcome.stop.take_if(|stop| waits_for_its_time(stop));
        if waits.is_some() && self.outcome.is_applied() {
            self.outcome.finished = Some(revision);
        }
        self.outcome.stop = self.outcome.stop.take().or(waits);
        if self.outcome.is_applied()
            && let Some(ledger) = &mut self.state.ledger
        {
            // A commit that touches nothing here is not worth a write.
            let told = self.outcome.head.as_ref().map(|head| head.revision);
            let told = told.unwrap_or(revision).to_string();
            ledger.inventory.set_revision(&told);
        }
    }

    /// Adds the namespace that `createNamespace` asks for, unless git has it or somebody else has made it. `None` if the
    /// cluster cannot be asked.
    async fn with_namespace(
        &mut self,
        name: &str,
        objects: &mut Vec<(Value, Option<Origin>)>,
    ) -> Option<()> {
        let target = &self.environment.spec.target;
        if !target.create_namespace || self.state.foreign_namespaces.contains(name) {
            return Some(());
        }
        let is_it =
            |object: &Value| object["kind"] == "Namespace" && object["metadata"]["name"] == *name;
        if objects.iter().any(|(object, _)| is_it(object)) {
            return Some(());
        }
        let gvk = Gvk::new("v1", "Namespace");
        let Ok(resource) = self.target().cluster.resolve(&gvk).await else {
            // That is told when the kinds of all objects are asked for.
            return Some(());
        };
        let found = match self.acting.look(&resource, "", name).await {
            Ok(found) => found,
            // Who may not see it cannot make it.
            Err(CallError::Forbidden(_)) => return Some(()),
            Err(error) => {
                self.no_cluster(crate::words::call(&error), &crate::chain::text(&error));
                return None;
            }
        };
        let foreign =
            |live: &cluster::Live| live.facts.environment.as_deref() != Some(self.label.as_str());
        if found.as_ref().is_some_and(foreign) {
            self.state.foreign_namespaces.insert(name.to_owned());
            return Some(());
        }
        let namespace = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": { "name": name, "annotations": { api::names::PRUNE: "disabled" } },
        });
        objects.push((namespace, None));
        Some(())
    }

    /// Makes the rendered objects ready to apply. `None` if the cluster cannot be asked.
    pub(super) async fn desires(
        &mut self,
        objects: Vec<(Value, Option<Origin>)>,
    ) -> Option<(Kinds, Desires)> {
        let kept = self.kept_kinds();
        self.desires_beside(objects, kept).await
    }

    /// The same, where the kinds of `kept` have to be known as well.
    pub(super) async fn desires_beside(
        &mut self,
        objects: Vec<(Value, Option<Origin>)>,
        kept: BTreeSet<Gvk>,
    ) -> Option<(Kinds, Desires)> {
        let mut wanted = kinds_of(objects.iter().map(|(object, _)| object));
        wanted.extend(kept.iter().cloned());
        let mut kinds = Kinds::default();
        kinds.learn(&self.target().cluster, wanted).await;
        if let Some(fault) = kinds.unreachable() {
            let reason = match fault {
                cluster::ResolveError::Call(error) => crate::words::call(error),
                _ => Reason::ClusterUnreachable,
            };
            self.no_cluster(reason, &crate::chain::text(fault));
            return None;
        }
        let spec = &self.environment.spec.target;
        let namespace = spec.namespace.as_deref().unwrap_or(&self.key.namespace);
        let target = Target {
            environment: &self.label,
            namespace,
            ignore: &self.fields.ignore,
        };
        let mut desires = desire(objects, &target, &kinds);
        restrict(&mut desires, self.reach());
        // What is refused need not be watched, and maybe cannot be.
        let mut used = kept;
        let asked = desires.objects.iter().chain(&desires.hooks);
        used.extend(asked.map(|object| object.gvk.clone()));
        kinds.retain(&used);
        Some((kinds, desires))
    }

    /// The kinds of what is in the inventory.
    pub(super) fn kept_kinds(&self) -> BTreeSet<Gvk> {
        let entries = self
            .state
            .ledger
            .iter()
            .flat_map(|ledger| ledger.inventory.iter());
        entries
            .map(|(id, entry)| Gvk {
                group: id.group.clone(),
                version: entry.version.to_string(),
                kind: id.kind.clone(),
            })
            .collect()
    }

    fn refuse(&mut self, desires: &Desires) {
        let failures = desires.refused.iter().map(|refusal| Failure {
            object: Some(refusal.object.clone()),
            at: refusal.origin.as_ref().map(ToString::to_string),
            message: refusal.message.clone(),
        });
        self.outcome.failures.extend(failures);
    }

    /// What is there, with what is gone taken out of the inventory. `None` if that failed.
    pub(super) async fn observe(
        &mut self,
        kinds: &Kinds,
        desired: &[Desired],
        complete: bool,
    ) -> Option<(Snapshot, BTreeMap<ObjectId, String>)> {
        let (mut seen, looked) = self.see(kinds, desired, complete).await?;
        self.tell_hidden(&looked.hidden);
        self.forget_gone(desired, &looked.read, &seen);
        seen.claimed_by(self.claims(desired));
        Some((seen, looked.hidden))
    }

    /// Sees to the watches, and reads what they do not show. `None` if that failed.
    pub(super) async fn see(
        &mut self,
        kinds: &Kinds,
        desired: &[Desired],
        complete: bool,
    ) -> Option<(Snapshot, Looked)> {
        let blind = self.blind(kinds, desired).await?;
        let inventory = self.inventory()?;
        let ids = desired.iter().map(|object| &object.id);
        let ids = ids.chain(inventory.iter().map(|(id, _)| id));
        let mut seen = self.target().live.snapshot(ids);
        let unseen: Vec<ObjectId> = {
            let rules = self.rules();
            let input = PlanInput {
                desired,
                complete,
                inventory,
                live: &seen,
                rules,
            };
            let unseen = diff::unseen(&input).into_iter();
            unseen
                .filter(|id| !blind.contains_key(*id))
                .cloned()
                .collect()
        };
        match self.read(kinds, desired, &unseen).await {
            Ok(Found { facts, mut hidden }) => {
                hidden.extend(blind);
                for facts in &facts {
                    seen.add(facts);
                }
                let read = unseen.into_iter().filter(|id| !hidden.contains_key(id));
                let read = read.collect();
                Some((seen, Looked { read, hidden }))
            }
            Err(error) => {
                self.no_cluster(crate::words::call(&error), &crate::chain::text(&error));
                None
            }
        }
    }

    /// Takes out of the inventory what git no longer asks for and the API server no longer has. That includes
    /// objects of kinds it no longer serves: discovery was healthy, or the pass would have ended before.
    fn forget_gone(&mut self, desired: &[Desired], read: &[ObjectId], seen: &Snapshot) {
        let Some(ledger) = &mut self.state.ledger else {
            return;
        };
        let wanted: BTreeSet<_> = desired.iter().map(|object| &object.id).collect();
        for id in read
            .iter()
            .filter(|id| !wanted.contains(id) && seen.known(id).is_none())
        {
            if ledger.inventory.confirmed_gone(id).is_some() {
                tracing::debug!(environment = %self.key, object = %id, "is gone");
            }
        }
    }

    pub(super) fn plan(&self, desired: &[Desired], seen: &Snapshot, complete: bool) -> Plan {
        let empty = Inventory::default();
        diff::plan(&PlanInput {
            desired,
            complete,
            inventory: self.inventory().unwrap_or(&empty),
            live: seen,
            rules: self.rules(),
        })
    }

    /// The inventory, or the part of it that is compared.
    pub(super) fn inventory(&self) -> Option<&Inventory> {
        let all = self.state.ledger.as_ref().map(|ledger| &ledger.inventory);
        self.part.as_ref().or(all)
    }

    pub(super) fn rules(&self) -> Rules<'_> {
        let spec = &self.environment.spec;
        let budget = &spec.prune_budget;
        Rules {
            environment: &self.label,
            prune: spec.prune,
            budget: Budget {
                objects: budget.objects,
                percent: budget.percent,
            },
            adopt: match spec.adopt {
                Adopt::Never => AdoptRule::Never,
                Adopt::Unowned => AdoptRule::Unowned,
            },
            drift: match spec.drift {
                DriftMode::Repair => DriftRule::Repair,
                DriftMode::Report => DriftRule::Report,
            },
        }
    }

    /// Tells what the plan must not touch.
    fn hold(&mut self, plan: &Plan) {
        let annotations = self.environment.metadata.annotations.as_ref();
        self.state.approved =
            annotations.and_then(|all| all.get(api::names::APPROVED_PLAN).cloned());
        for held in &plan.held {
            if held.reason == diff::HoldReason::Deleting {
                self.outcome.deleting.push(held.id.clone());
                continue;
            }
            if held.reason == diff::HoldReason::OtherEnvironment {
                self.outcome.claims.push(held.id.clone());
            }
            self.outcome.failures.push(Failure {
                object: Some(held.id.to_string()),
                at: None,
                message: held.message.clone(),
            });
        }
        if let Some(diff::PruneHold::EmptyRender) = plan.prune_hold {
            let known = self
                .state
                .ledger
                .as_ref()
                .map_or(0, |ledger| ledger.inventory.len());
            let message = format!(
                "git asks for nothing at all, and {known} objects are there; nothing is deleted for that: delete the Environment's objects by hand, or put something back into the overlay"
            );
            self.outcome
                .stop(Reason::EmptyRender, message, Retry::OnChange);
        }
    }

    /// Enters what will be made, and takes out what is no longer ours, before anything is done.
    pub(super) async fn write_ahead(&mut self, desired: &[Desired], plan: &Plan) -> bool {
        if let Some(ledger) = &mut self.state.ledger {
            diff::write_ahead(&mut ledger.inventory, desired, plan);
            for dropped in &plan.dropped {
                tracing::info!(environment = %self.key, object = %dropped.id, reason = %dropped.reason, "left to others");
                ledger.inventory.confirmed_gone(&dropped.id);
            }
        }
        self.store().await
    }
}

/// Takes out what is hidden. Returns the first wave of which something is, or is refused.
fn take_out(
    desired: &mut Vec<Desired>,
    hidden: &BTreeMap<ObjectId, String>,
    refused: &[Refusal],
) -> Option<i32> {
    let out = desired.extract_if(.., |object| hidden.contains_key(&object.id));
    let out = out.map(|object| object.wave.wave);
    out.chain(refused.iter().map(|refusal| refusal.wave)).min()
}
