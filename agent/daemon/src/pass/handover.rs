//! Objects that move between environments: let go by one, taken over by the other, never deleted between.

use std::collections::BTreeMap;

use api::Reason;
use krm::ObjectId;
use plan::{desired::Desired, diff::Plan};
use tokio::time::Instant;

use super::Pass;
use crate::{live::Snapshot, outcome::Retry, rendered::Rendering};

impl Pass<'_> {
    /// Tells the others what git asks for here, though it cannot be applied yet.
    pub(super) async fn announce(&mut self, rendering: Rendering) {
        let stop = self.outcome.stop.take();
        if self.aim().await.is_some()
            && self.take_rights()
            && let Some((_, desires)) = self.desires(rendering.objects).await
        {
            self.soon = desires.objects.into_iter().map(|it| it.id).collect();
            self.want(&[]);
        }
        self.outcome.stop = stop;
    }

    /// Tells the others what git asks for here.
    pub(super) fn want(&self, desired: &[Desired]) {
        let ids = desired.iter().map(|object| &object.id).chain(&self.soon);
        let server = self.target().cluster.server();
        self.context.claims.wants(self.key, server, ids);
        let followed = self.state.followed.as_ref();
        let head = followed.and_then(|followed| followed.dealt_with.flatten());
        let head = head.map(|head| head.to_string());
        self.context.claims.looked(self.key, head.as_deref());
    }

    /// Who else asks for what the inventory holds and git no longer asks for.
    pub(super) fn claims(&self, desired: &[Desired]) -> BTreeMap<ObjectId, String> {
        let wanted: std::collections::BTreeSet<_> =
            desired.iter().map(|object| &object.id).collect();
        let server = self.target().cluster.server();
        let ledger = self.state.ledger.iter();
        let ids = ledger.flat_map(|ledger| ledger.inventory.iter());
        let left = ids.map(|(id, _)| id).filter(|id| !wanted.contains(id));
        let claimed = left.filter_map(|id| {
            let other = self.context.claims.claimant(self.key, server, id)?;
            Some((id.clone(), other.label()))
        });
        claimed.collect()
    }

    /// Holds new deletions back until the others on the repo have looked at its newest commits: what has
    /// left git here may have come up there.
    pub(super) fn wait_for_neighbours(&mut self, plan: &mut Plan) {
        let is_new = |gone: &plan::diff::Deletion| !gone.deleting && !gone.waits;
        let patience = match plan.prune.iter().any(is_new) {
            true => self.patience(),
            false => None,
        };
        let Some(most) = patience else {
            self.state.patience.end();
            return;
        };
        let followed = self.state.followed.as_ref();
        let head = followed.and_then(|followed| followed.dealt_with.flatten());
        let gone = plan.prune.iter().filter(|gone| is_new(gone));
        let (patience, now) = (&mut self.state.patience, Instant::now());
        patience.wait(head, gone.map(|gone| &gone.id), most, now);
        plan.prune
            .retain(|gone| !is_new(gone) || !patience.holds(&gone.id, now));
        self.outcome.deletions_wait = patience.until().is_some();
    }

    fn patience(&self) -> Option<std::time::Duration> {
        let followed = self.state.followed.as_ref()?;
        let heads = followed.subscription.heads();
        let head = |branch: &str| heads.get(branch).cloned();
        let url = &self.environment.spec.source.url;
        self.context.claims.patience(self.key, url, head)
    }

    /// Listens for the moment when another environment lets go of what git asks for here. Asks for another
    /// pass at once if that was a moment ago.
    pub(super) fn wait_for_claims(&mut self, seen: &Snapshot) {
        let claims = &self.outcome.claims;
        let live = &self.target().live;
        live.wait_for(&self.label, claims);
        let now = live.snapshot(claims.iter());
        let owner = |snapshot: &Snapshot, id: &ObjectId| {
            snapshot
                .known(id)
                .and_then(|known| known.facts.environment.clone())
        };
        let moved = claims.iter().any(|id| owner(seen, id) != owner(&now, id));
        if moved && self.outcome.stop.is_none() {
            let message = "another environment let something go a moment ago";
            self.outcome.stop(Reason::Progressing, message, Retry::Now);
        }
    }
}
