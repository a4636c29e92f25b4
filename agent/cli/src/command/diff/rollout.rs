//! What a rollout means for a comparison: git and cluster differ on purpose while a revision is on its way or held.

use api::v1alpha1::{Environment, RolloutPhase};

use super::Change;
use crate::term::short;

/// Kinds whose weights a rollout sets.
const ROUTES: [&str; 2] = ["HTTPRoute/", "GRPCRoute/"];

/// True while a new revision stands beside the old one.
pub(super) fn is_on_its_way(environment: &Environment) -> bool {
    let status = environment.status.as_ref();
    let rollout = status.and_then(|status| status.rollout.as_ref());
    rollout.is_some_and(|rollout| {
        use RolloutPhase::{Baking, Held, Settled};
        !matches!(rollout.phase, Settled | Baking | Held)
    })
}

/// What the reader of a comparison should know.
pub(super) fn note(environment: &Environment) -> Option<String> {
    let status = environment.status.as_ref();
    let rollout = status.and_then(|status| status.rollout.as_ref());
    let name = environment.metadata.name.as_deref().unwrap_or_default();
    let good = |rollout: &api::v1alpha1::RolloutStatus| {
        short(rollout.good.as_deref().unwrap_or("nothing")).to_owned()
    };
    match rollout {
        Some(rollout) if is_on_its_way(environment) => Some(format!(
            "a rollout is under way, and {} is what serves; its own objects are left out here; see `driftless rollout {name}`",
            good(rollout)
        )),
        Some(rollout) if rollout.held.is_some() => {
            let held = rollout.held.as_ref()?;
            Some(format!(
                "{} was rejected ({}), so {} serves; what git says is applied again with a newer commit or `driftless rollout retry {name}`",
                short(&held.revision),
                held.reason,
                good(rollout)
            ))
        }
        _ if !environment.spec.strategies.is_empty() => Some(
            "workloads that change are brought out step by step, as spec.strategies says"
                .to_owned(),
        ),
        _ => None,
    }
}

/// Says it where a difference is the rollout's own.
pub(super) fn told(change: Change, on_its_way: bool) -> Change {
    let is_route = ROUTES.iter().any(|kind| change.object.starts_with(kind));
    match (on_its_way && is_route, &change.note) {
        (true, None) => Change {
            note: Some("its weights are the rollout's for now".to_owned()),
            ..change
        },
        _ => change,
    }
}
