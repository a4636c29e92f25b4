//! Takes back what a rollout has changed, before its Environment is let go or deleted.
//!
//! What serves is to be what git says of the good revision, and no copy, share or disturbance may stay that nobody would
//! ever clean up. So everybody is led back first, then the copies go, then the removal begins. That takes the good
//! revision, which comes from git: where it cannot be had for the whole `spec.timeout`, the removal goes on without.

use api::{Reason, v1alpha1::RolloutPhase};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::Pass;
use crate::{outcome::Retry, rendered::Rendering, report::Event};

impl Pass<'_> {
    /// Goes on with the way back, as far as that goes now. True once nothing is left of a rollout, or waiting for it has
    /// been long enough.
    pub(super) async fn retreat(&mut self, cancel: &CancellationToken) -> bool {
        if !self.has_rollout() {
            return true;
        }
        let until = self.patience_ends();
        if until.is_some_and(|until| Timestamp::now() >= until) {
            self.give_up();
            return true;
        }
        self.leaving = true;
        self.take_back(cancel).await;
        self.leaving = false;
        // Nothing of it is asked for by anybody any more.
        self.context.claims.lost(self.key);
        if !self.has_rollout() && self.outcome.stop.is_none() && self.outcome.failures.is_empty() {
            return true;
        }
        self.say_what_waits();
        let rollouts = self.rollouts();
        let until = until.map(|until| rollouts.clocks.moment(until));
        rollouts.wake = rollouts.wake.into_iter().chain(until).min();
        false
    }

    /// True while something stands that is there only for a rollout, or changed by one.
    fn has_rollout(&mut self) -> bool {
        let is_stored = self.state.status.rollout.is_some();
        if is_stored && !self.remember() {
            // Nobody can say what it was about.
            self.outcome.stop = None;
            return false;
        }
        let rollouts = self.state.rollouts.as_ref();
        let stored = rollouts.map(|rollouts| &rollouts.state);
        let under_way =
            stored.is_some_and(|state| state.rollout.is_some() || state.standby.is_some());
        let ledger = self.state.ledger.as_ref();
        let mut entries = ledger.into_iter().flat_map(|one| one.inventory.iter());
        under_way || entries.any(|(_, entry)| entry.temporary && entry.hook.is_none())
    }

    /// One look at the rollout, which ends it, and what follows from that.
    async fn take_back(&mut self, cancel: &CancellationToken) {
        if self.follow(cancel).await.is_none() || self.aim().await.is_none() || !self.take_rights()
        {
            return;
        }
        let Some(good) = self.good().await else {
            let message = "is being deleted; its rollout is taken back first, and the good revision cannot be read from git";
            self.outcome.stop(Reason::Removing, message, Retry::Later);
            return;
        };
        if let Some(back) = Box::pin(self.bring_out(good)).await {
            self.converge(back, cancel).await;
            self.stands_now();
        }
    }

    /// The revision that serves.
    async fn good(&self) -> Option<Rendering> {
        let rollouts = self.state.rollouts.as_ref();
        let good = rollouts.and_then(|rollouts| rollouts.state.good.as_ref());
        let revision = match good {
            Some(good) => self.rendered_as(good).ok()?,
            None => self.applied()?,
        };
        let verified = self.applied_again(revision).await?;
        Some(verified.into_rendering())
    }

    fn patience_ends(&self) -> Option<Timestamp> {
        let asked = self.environment.metadata.deletion_timestamp.as_ref()?;
        let patience = SignedDuration::try_from(self.environment.spec.timeout.duration());
        asked.0.checked_add(patience.ok()?).ok()
    }

    /// Says what it waits for, unless something has gone wrong that says more.
    fn say_what_waits(&mut self) {
        if self.outcome.stop.is_some() {
            return;
        }
        let failed = self.outcome.failures.first();
        let failed = failed.map(crate::report::failure_sentence);
        let told = self.outcome.rollout.as_ref().map(|told| &told.status);
        let waits = told.filter(|told| told.phase == RolloutPhase::Ending);
        let waits = waits.map(|told| told.message.clone());
        let retry = match failed {
            Some(_) => Retry::Later,
            None => Retry::OnChange,
        };
        let why = failed.or(waits).filter(|why| !why.is_empty());
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        let message = format!("is being deleted; its rollout is taken back first{why}");
        self.outcome.stop(Reason::Removing, message, retry);
    }

    /// Told at once: soon there is no Environment that could have a status.
    fn give_up(&mut self) {
        let message = format!(
            "its rollout could not be taken back within {}, and is left as it stands",
            self.environment.spec.timeout
        );
        let event = Event {
            warning: true,
            reason: Reason::Removing,
            message,
        };
        self.context.events.publish(self.environment, &event);
        tracing::warn!(environment = %self.key, "{}", event.message);
    }
}
