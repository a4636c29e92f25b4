//! What waits for somebody's yes, and what becomes of it.

use api::{Reason, names, v1alpha1::PendingPlan};
use plan::diff::{
    Plan,
    approval::{Ask, ask, grant},
};

use super::Pass;
use crate::outcome::Retry;

/// How many objects a pending plan names.
const NAMED: usize = 50;

impl Pass<'_> {
    /// Tells what has to be approved. If just that is approved, enters it and asks for another pass.
    pub(super) async fn ask(&mut self, plan: &Plan, revision: &str) {
        let recreations = std::mem::take(&mut self.recreations);
        let rules = self.rules();
        let Some(ledger) = &self.state.ledger else {
            return;
        };
        let ask = ask(&rules, ledger.inventory.len(), plan, &recreations);
        let Some(ask) = ask.filter(|_| self.outcome.stop.is_none()) else {
            return;
        };
        if self.approved() != Some(ask.digest.as_str()) {
            self.outcome.pending = Some(self.pending(ask, revision));
            return;
        }
        tracing::info!(environment = %self.key, plan = ask.digest, "approved");
        if let Some(ledger) = &mut self.state.ledger {
            grant(&mut ledger.inventory, plan, &recreations);
        }
        if self.store().await {
            let message = "the plan is approved; it is carried out now";
            self.outcome.stop(Reason::Progressing, message, Retry::Now);
        }
    }

    /// The digest of the plan that somebody approved.
    fn approved(&self) -> Option<&str> {
        let annotations = self.environment.metadata.annotations.as_ref()?;
        annotations.get(names::APPROVED_PLAN).map(String::as_str)
    }

    fn pending(&self, ask: Ask, revision: &str) -> PendingPlan {
        let deletions = ask.deletions.iter().map(ToString::to_string);
        let anew = ask.recreations.iter().map(|id| format!("{id} (made anew)"));
        PendingPlan {
            revision: revision.to_owned(),
            objects: anew.chain(deletions).take(NAMED).collect(),
            message: format!(
                "{}; approve with `driftless approve {} -n {} --plan {}`",
                ask.message, self.key.name, self.key.namespace, ask.digest
            ),
            digest: ask.digest,
        }
    }
}
