//! Flags that steps have set, and git, which has the last word: what the next revision says of a flag counts again.

use std::collections::BTreeSet;

use super::Run;

impl Run<'_> {
    /// Lets go of flags of which the good revision says something else than when they were set.
    ///
    /// Meant for when what was looked at is the good revision.
    pub(super) fn heed_flags(&mut self) {
        let state = &mut self.state;
        if state.good.is_none() || self.seen.toward != state.good {
            return;
        }
        let (said, says) = (&mut state.flags_in_git, &self.seen.flags.new);
        state.flags.retain(|id, _| {
            let (Some(now), known) = (says.get(id), said.entry(id.clone()).or_default()) else {
                return true;
            };
            // An agent that did not note it set it by what git says now, as far as anybody knows.
            let same = known.is_empty() || known.contains(now);
            *known = BTreeSet::from([now.clone()]);
            same
        });
        said.retain(|id, known| state.flags.contains_key(id) && !known.is_empty());
    }
}
