//! What git says of feature flags, so that it has the last word on what steps have set.

use rollout::{
    State,
    observe::Flags,
    split::said,
    strategy::{Flag, Step},
};

use super::Look;

/// What both revisions say of the flags that steps have set, or will.
pub(super) fn in_git(look: &Look, state: &State) -> Flags {
    let strategy = state.rollout.as_ref().map(|rollout| &rollout.strategy);
    let strategy = strategy.or(look.strategy.as_ref());
    let steps = strategy.into_iter().flat_map(|strategy| &strategy.steps);
    let steps = steps.filter_map(|step| match step {
        Step::Flag(flag) => Some(flag),
        _ => None,
    });
    let flags: Vec<&Flag> = state.flags.values().chain(steps).collect();
    Flags {
        good: said(&look.good, flags.iter().copied()),
        new: said(&look.new, flags),
    }
}
