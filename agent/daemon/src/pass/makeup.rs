//! Tells what was done for a Release by somebody who did not live to tell it.
//!
//! A Release tells of changes after they were made, so an agent that is killed in between leaves objects behind that nobody
//! tells of, and that whoever comes next finds as they should be. The API server knows: it notes when an object was made,
//! and when the fields that we own were last changed.

use std::collections::BTreeSet;

use api::v1alpha1::{Action, ChangeRecord};
use plan::desired::Desired;

use super::Pass;

impl Pass<'_> {
    /// Makes up for what is missing in a Release that was taken over, once.
    pub(super) fn make_up(&mut self, desired: &[Desired]) {
        let open = self.state.release.as_mut().filter(|one| !one.has_ended());
        let Some((since, release)) = open.and_then(|one| Some((one.taken_over.take()?, one)))
        else {
            return;
        };
        let told = release.status.changes.iter().chain(&self.outcome.changes);
        let told: BTreeSet<(Action, &str)> = told
            .map(|change| (change.action, change.object.as_str()))
            .collect();
        let snapshot = self.state.aim.as_ref();
        let ids = desired.iter().map(|object| &object.id);
        let Some(snapshot) = snapshot.map(|aim| aim.target.live.snapshot(ids)) else {
            return;
        };
        let mut untold = Vec::new();
        for object in desired {
            let name = object.id.to_string();
            let known = snapshot.known(&object.id);
            // The second in which the Release was opened may be that of the end of the one before, which left no copies.
            let within = object.temporary || self.repeated.contains(&object.id);
            let done = known.map(|known| known.done_since(since, within));
            for action in done.into_iter().flatten() {
                // What was taken over or made anew was changed, too.
                let is_told = told
                    .iter()
                    .any(|(what, whose)| *whose == name && (*what == action || is_more(*what)));
                if !is_told {
                    untold.push(ChangeRecord {
                        action,
                        object: name.clone(),
                        from: Vec::new(),
                    });
                }
            }
        }
        let objects: BTreeSet<&str> = untold.iter().map(|one| one.object.as_str()).collect();
        let many = u32::try_from(objects.len()).unwrap_or(u32::MAX);
        self.outcome.unchanged = self.outcome.unchanged.saturating_sub(many);
        self.outcome.changes.extend(untold);
    }
}

/// True for what leaves the same marks as a change.
const fn is_more(action: Action) -> bool {
    matches!(action, Action::Adopted | Action::Recreated)
}
