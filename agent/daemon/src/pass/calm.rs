//! Takes away what chaos steps have made, as soon as their time is over.
//!
//! That waits for nothing: neither for git, nor for anything to become healthy, nor for an approval. What stands is in
//! the inventory, so that it is found again after whatever happened; until when it may stand is in the stored state.

use api::v1alpha1::{Action, Failure};
use cluster::{Deleted, Propagation};
use krm::ObjectId;
use plan::inventory::Entry;
use rollout::State;

use super::{Pass, apply::Carrier, scopes::Kinds};

impl Pass<'_> {
    /// Takes away what may stand no longer.
    pub(super) async fn calm(&mut self) {
        let left = self.disturbances();
        if left.is_empty() || self.may_disturb() {
            return;
        }
        // What has stopped the pass before is what is told.
        let stop = self.outcome.stop.take();
        if self.aim().await.is_some() && self.take_rights() {
            let mut kinds = Kinds::default();
            let wanted = left.iter().map(|(id, entry)| entry.gvk(id)).collect();
            kinds.learn(&self.target().cluster, wanted).await;
            let carrier = self.carrier(&kinds);
            for (id, entry) in &left {
                self.take_away(id, entry, &carrier).await;
            }
            self.store().await;
        }
        self.outcome.stop = stop.or(self.outcome.stop.take());
    }

    /// Before nothing is looked at any more: a disturbance must not stand until somebody comes back.
    pub(super) async fn calm_for_good(&mut self) {
        let stored = self.stored_rollout();
        if stored.is_some_and(|state| state.disturbed_until().is_some()) && self.load().await {
            self.disturbs = Some(false);
            self.calm().await;
        }
    }

    /// What chaos steps have made, as far as it is not known to be gone.
    pub(super) fn disturbances(&self) -> Vec<(ObjectId, Entry)> {
        let ledger = self.state.ledger.as_ref();
        let entries = ledger
            .into_iter()
            .flat_map(|ledger| ledger.inventory.disturbances());
        entries
            .map(|(id, entry)| (id.clone(), entry.clone()))
            .collect()
    }

    /// True while a chaos step may go on. A pass that did not get as far as to look at the rollout goes by the clock,
    /// and sees to it that there is another pass when the time is over.
    fn may_disturb(&mut self) -> bool {
        if let Some(disturbs) = self.disturbs {
            return disturbs;
        }
        // Its times go with a clock that was set since the last look, or one that is past would be waited for.
        self.heed_clock();
        let until = self
            .stored_rollout()
            .and_then(|state| state.disturbed_until());
        let now = self.now();
        let goes_on = until.filter(|until| now < *until);
        if goes_on.is_some() {
            self.look_again(goes_on);
        }
        goes_on.is_some()
    }

    /// The rollout's state as it is remembered, or else as it is stored.
    pub(super) fn stored_rollout(&self) -> Option<State> {
        match (&self.state.rollouts, &self.state.status.rollout) {
            (Some(rollouts), _) => Some(rollouts.state.clone()),
            (None, Some(status)) => State::read(&status.state).ok(),
            (None, None) => None,
        }
    }

    async fn take_away(&mut self, id: &ObjectId, entry: &Entry, carrier: &Carrier<'_>) {
        match carrier.end(id, entry, Propagation::Background).await {
            Ok(Deleted::Gone | Deleted::OtherUid) => {
                let uid = entry.uid.clone().unwrap_or_default();
                self.target().live.gone(id, &uid);
                if let Some(ledger) = &mut self.state.ledger {
                    ledger.inventory.confirmed_gone(id);
                }
                self.changed(Action::Deleted, id);
                tracing::info!(environment = %self.key, object = %id, "a disturbance is over");
            }
            // The watch tells when it is gone.
            Ok(Deleted::Pending(finalizers)) => self.leaves(id, &finalizers),
            Err(message) => self.outcome.failures.push(Failure {
                object: Some(id.to_string()),
                at: None,
                message: format!("its disturbance is over, and it is not deleted: {message}"),
            }),
        }
    }
}
