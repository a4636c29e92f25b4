//! The end of an environment: its objects are deleted or let go, then its records, then the Environment itself.
//!
//! A finalizer, put there before anything is applied, keeps the Environment until that is done.

use api::{
    Reason, names,
    v1alpha1::{Environment, OnDelete},
};
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams},
};
use plan::{
    diff::{Plan, remove},
    waves::PruneGate,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Pass, act::Work, scopes::Kinds};
use crate::{chain, outcome::Retry};

/// Whether the finalizer is to be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Finalizer {
    On,
    Off,
}

impl Pass<'_> {
    /// Sees to the finalizer before anything is applied. False if the pass ends here.
    pub(super) async fn guard(&mut self) -> bool {
        if has_finalizer(self.environment) {
            return true;
        }
        match self.finalizer(Finalizer::On).await {
            Ok(true) => true,
            // Nothing may be made for who would not be there to have it taken away.
            Ok(false) => {
                self.outcome.departed = true;
                false
            }
            Err(error) => {
                let message = format!("cannot put the finalizer on: {}", chain::text(&error));
                let reason = crate::words::kube(&error);
                self.outcome.stop(reason, message, Retry::Later);
                false
            }
        }
    }

    /// Goes on with the removal, as far as that goes now.
    pub(super) async fn remove(&mut self, cancel: &CancellationToken) {
        // Nothing is asked for any more.
        self.context.claims.lost(self.key);
        if !self.load().await {
            return;
        }
        let orphan = self.environment.spec.on_delete == OnDelete::Orphan;
        if self.objects_left() > 0 {
            if self.environment.spec.suspend && !orphan {
                let message = format!(
                    "is being deleted and suspended: {} objects wait; resume it to have them deleted, or leave them behind with spec.onDelete: orphan",
                    self.objects_left()
                );
                self.outcome
                    .stop(Reason::Suspended, message, Retry::OnChange);
                return;
            }
            self.disturbs = Some(false);
            self.calm().await;
            if !self.retreat(cancel).await {
                return;
            }
            // No commit counts any more.
            self.state.followed = None;
            self.clear(orphan, cancel).await;
        }
        if self.objects_left() == 0 && self.outcome.stop.is_none() {
            self.depart().await;
        }
    }

    /// Deletes the objects, or lets them go.
    async fn clear(&mut self, orphan: bool, cancel: &CancellationToken) {
        if self.aim().await.is_none() || !self.take_rights() {
            self.way_out();
            return;
        }
        let Some((kinds, _)) = self.desires(Vec::new()).await else {
            self.way_out();
            return;
        };
        let Some((seen, hidden)) = self.observe(&kinds, &[], true).await else {
            self.way_out();
            return;
        };
        let mut plan = self.removal(&seen, orphan);
        // Nobody can say what is there; that is told as a failure.
        plan.prune.retain(|gone| !hidden.contains_key(&gone.id));
        plan.dropped
            .retain(|dropped| orphan || !hidden.contains_key(&dropped.id));
        if orphan {
            self.outcome.failures.clear();
        }
        if self.write_ahead(&[], &plan).await {
            self.carry_out(&kinds, &plan, cancel).await;
        }
    }

    async fn carry_out(&mut self, kinds: &Kinds, plan: &Plan, cancel: &CancellationToken) {
        let orphan = self.environment.spec.on_delete == OnDelete::Orphan;
        let carrier = self.carrier(kinds);
        self.let_go(&carrier, plan, orphan).await;
        let work = Work {
            desired: &[],
            plan,
            gate: PruneGate::Applied,
            lacking: None,
        };
        self.act(&carrier, work, cancel).await;
        let revision = self.state.status.revision.applied.clone();
        self.ask(plan, &revision.unwrap_or_default()).await;
        self.store().await;
        self.sum_up();
    }

    fn removal(&self, seen: &crate::live::Snapshot, orphan: bool) -> Plan {
        let empty = plan::inventory::Inventory::default();
        let ledger = self.state.ledger.as_ref();
        let inventory = ledger.map_or(&empty, |ledger| &ledger.inventory);
        remove(inventory, seen, &self.label, orphan)
    }

    /// Says how far it is, unless something else is to be said.
    fn sum_up(&mut self) {
        let (left, failed) = (self.objects_left(), self.outcome.failures.len());
        if self.outcome.stop.is_some() || left == 0 {
            self.way_out();
        } else if failed > 0 {
            let first = self.outcome.failures.first();
            let first = first.map(crate::report::failure_sentence);
            let message = format!(
                "is being deleted: {failed} of its {left} objects could not be seen to; the first: {}",
                first.unwrap_or_default()
            );
            self.outcome
                .stop(Reason::PruneFailed, message, Retry::Later);
            self.way_out();
        } else if let Some(pending) = &mut self.outcome.pending {
            pending.message.push_str(WAY_OUT);
        } else {
            let message = match self.outcome.leaving.first() {
                None => format!("is being deleted, and {left} objects with it"),
                Some(first) => format!(
                    "is being deleted, and {left} objects with it, among them {}: {}",
                    first.object, first.message
                ),
            };
            self.outcome
                .stop(Reason::Removing, message, Retry::OnChange);
        }
    }

    /// Tells what to do when the objects cannot be seen to.
    fn way_out(&mut self) {
        if let Some(stop) = &mut self.outcome.stop
            && stop.retry == Retry::Later
        {
            stop.message.push_str(WAY_OUT);
        }
    }

    /// Removes the records and lets the Environment go.
    async fn depart(&mut self) {
        let live = self.state.aim.as_ref().map(|aim| aim.target.clone());
        if let Some(target) = live {
            target.live.wait_for(&self.label, &[]);
        }
        let erased = match &mut self.state.ledger {
            Some(ledger) => ledger.erase().await,
            None => Ok(()),
        };
        if let Err(error) = erased {
            self.outcome
                .stop(Reason::Removing, chain::text(&error), Retry::Later);
            return;
        }
        match self.finalizer(Finalizer::Off).await {
            Ok(_) => {
                tracing::info!(environment = %self.key, "removed");
                self.outcome.departed = true;
            }
            Err(error) => {
                let message = format!("cannot take the finalizer off: {}", chain::text(&error));
                self.outcome
                    .stop(crate::words::kube(&error), message, Retry::Later);
            }
        }
    }

    fn objects_left(&self) -> usize {
        let ledger = self.state.ledger.as_ref();
        ledger.map_or(0, |ledger| ledger.inventory.len())
    }

    /// Puts the finalizer on, or takes it off, and leaves those of others alone. False if the Environment is no more.
    async fn finalizer(&self, wanted: Finalizer) -> Result<bool, kube::Error> {
        let client = self.context.cluster.client();
        let api: Api<Environment> = Api::namespaced(client, &self.key.namespace);
        let Some(now) = api.get_metadata_opt(&self.key.name).await? else {
            return Ok(false);
        };
        // A namesake made meanwhile is none of our business.
        if now.uid() != self.environment.uid() {
            return Ok(false);
        }
        let has = now.finalizers().iter().any(|name| name == names::FINALIZER);
        if has == (wanted == Finalizer::On) {
            return Ok(true);
        }
        let mut finalizers = now.finalizers().to_vec();
        finalizers.retain(|name| name != names::FINALIZER);
        if wanted == Finalizer::On {
            finalizers.push(names::FINALIZER.to_owned());
        }
        let patch = json!({ "metadata": {
            "resourceVersion": now.resource_version(),
            "finalizers": finalizers,
        } });
        let params = PatchParams {
            field_manager: Some(names::FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patch = Patch::Merge(patch);
        api.patch_metadata(&self.key.name, &params, &patch)
            .await
            .map(|_| true)
    }
}

/// What always works.
const WAY_OUT: &str = "; to leave the objects behind instead, set spec.onDelete: orphan";

/// True if `environment` waits for us before it goes.
pub(crate) fn has_finalizer(environment: &Environment) -> bool {
    let finalizers = environment.finalizers();
    finalizers.iter().any(|name| name == names::FINALIZER)
}
