//! What others wait for.

use krm::ObjectId;

use crate::health::HealthStatus;

/// An object that others wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub id: ObjectId,
    /// What it is now.
    pub health: HealthStatus,
}

/// The object, if it is not fine.
pub(super) fn waiting(
    id: &ObjectId,
    health: &dyn Fn(&ObjectId) -> HealthStatus,
) -> Option<Waiting> {
    let health = health(id);
    (!health.is_fine()).then(|| Waiting {
        id: id.clone(),
        health,
    })
}
