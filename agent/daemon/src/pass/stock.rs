//! The inventory and the release, read before anything is done and written before anything is made.

use api::{Reason, v1alpha1::RolloutPhase};

use super::Pass;
use crate::{
    chain,
    ledger::{Ledger, LedgerError},
    outcome::{Head, Retry},
    publish,
    releases::{self, Cause},
    trigger::Trigger,
};

impl Pass<'_> {
    /// Reads the inventory, once. False if the pass ends here.
    pub(super) async fn load(&mut self) -> bool {
        if self.state.ledger.is_some() {
            return true;
        }
        let uid = self.environment.metadata.uid.as_deref().unwrap_or_default();
        match Ledger::load(&self.context.shelf, self.key, uid).await {
            Ok(ledger) => {
                self.state.ledger = Some(ledger);
                true
            }
            Err(error) => {
                self.ledger_failed(&error);
                false
            }
        }
    }

    /// Writes the inventory where it changed. False if that failed: then nothing may be made.
    pub(super) async fn store(&mut self) -> bool {
        let Some(ledger) = &mut self.state.ledger else {
            return false;
        };
        if !self.context.fence.holds() {
            return false;
        }
        match ledger.store().await {
            Ok(_) => true,
            Err(error) => {
                self.ledger_failed(&error);
                false
            }
        }
    }

    /// Goes on with the release that was under way when the agent stopped.
    pub(super) async fn resume(&mut self) {
        let rollout = self.state.status.rollout.as_ref();
        let bakes = rollout.is_some_and(|rollout| rollout.phase == RolloutPhase::Baking);
        if self.state.was_ready() && self.state.status.waiting.is_none() && !bakes {
            // Then it ended well, and what has ended is not written any more.
            return;
        }
        let seen = self.state.status.revision.seen.as_ref();
        let name = self.state.status.release.as_ref();
        if let (Some(seen), Some(name), None, None) =
            (seen, name, &self.state.release, &self.state.last)
        {
            let client = self.context.cluster.client();
            let found = releases::resume(client, &self.key.namespace, name).await;
            let waits = self.state.status.waiting.is_some();
            self.state.release = found.filter(|release| waits || release.revision == *seen);
        }
    }

    /// Opens a release for a revision that was not dealt with before.
    pub(super) async fn release(&mut self, trigger: &Trigger) {
        let Some(head) = self.outcome.head.clone() else {
            return;
        };
        let revision = head.revision.to_string();
        let waited = self.state.status.waiting.as_ref();
        let waited = waited.is_some_and(|waiting| waiting.revision == revision);
        let seen = self.state.status.revision.seen.as_deref() == Some(revision.as_str());
        // One that could not be recorded is recorded now.
        let applied = self.state.status.revision.applied.as_deref() == Some(revision.as_str());
        let lost = self.state.release.is_none() && !applied;
        let known = seen && !waited && !lost;
        let open = self
            .state
            .release
            .as_ref()
            .map(|release| release.revision.as_str());
        if known || !self.outcome.concerns || open == Some(revision.as_str()) {
            return;
        }
        self.open_release(&head, trigger.as_str()).await;
    }

    /// Opens the next release, and ends the one before it.
    pub(super) async fn open_release(&mut self, head: &Head, trigger: &str) {
        if !self.context.fence.holds() {
            return;
        }
        let last = self
            .state
            .release
            .as_ref()
            .map(|release| release.name.clone());
        let last = last.or_else(|| self.state.status.release.clone());
        publish::supersede(self.context, self.key, self.state).await;
        let window_override = self.override_for(&head.revision, jiff::Timestamp::now());
        let cause = Cause {
            trigger,
            window_override: window_override.clone(),
        };
        let client = self.context.cluster.client();
        let opened = releases::open(client, self.environment, last.as_deref(), head, &cause);
        match opened.await {
            Ok(release) => {
                self.state.release = Some(release);
                self.outcome.overridden = window_override;
            }
            Err(error) => {
                // The record matters less than what it records.
                tracing::warn!(environment = %self.key, %error, "could not open a release");
            }
        }
    }

    fn ledger_failed(&mut self, error: &LedgerError) {
        // Whatever it was, what is stored is the truth now.
        self.state.ledger = None;
        let reason = match error {
            LedgerError::Call { error, .. } => crate::words::kube(error),
            LedgerError::Conflict(_) => Reason::Progressing,
            LedgerError::Broken(..) => Reason::InvalidSpec,
        };
        self.outcome.stop(reason, chain::text(error), Retry::Later);
    }
}
