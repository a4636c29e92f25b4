//! Letting objects go: their label comes off, and the inventory forgets them.

use api::v1alpha1::Failure;
use futures::{FutureExt as _, StreamExt as _, stream};
use plan::diff::{Plan, Release};

use super::{
    Pass,
    apply::{Carrier, Kept},
};

impl Pass<'_> {
    /// Lets go what the plan says. With `give_up`, what is refused is forgotten with its label on.
    pub(super) async fn let_go(&mut self, carrier: &Carrier<'_>, plan: &Plan, give_up: bool) {
        let most = self.context.concurrency;
        let mut work = Vec::with_capacity(plan.released.len());
        for release in &plan.released {
            work.push(one(carrier, release).boxed());
        }
        let done: Vec<_> = stream::iter(work).buffer_unordered(most).collect().await;
        for (release, kept) in done {
            match kept {
                Some(kept) if !(give_up && kept.refused) => self.not_let_go(release, &kept.message),
                kept => self.forget(release, kept),
            }
        }
    }

    fn forget(&mut self, release: &Release, kept: Option<Kept>) {
        let left_on = kept.map_or_else(String::new, |kept| kept.message);
        tracing::info!(environment = %self.key, object = %release.id, reason = %release.reason, left_on, "let go");
        if let Some(ledger) = &mut self.state.ledger {
            ledger.inventory.confirmed_gone(&release.id);
        }
    }

    fn not_let_go(&mut self, release: &Release, message: &str) {
        self.outcome.failures.push(Failure {
            object: Some(release.id.to_string()),
            at: None,
            message: format!("cannot be let go: {message}"),
        });
    }
}

async fn one<'r>(carrier: &Carrier<'_>, release: &'r Release) -> (&'r Release, Option<Kept>) {
    (release, carrier.release(release).await.err())
}
