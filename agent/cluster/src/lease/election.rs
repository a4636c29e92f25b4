//! What is elected for, and how it stands.

use std::time::Duration;

use krm::Gvk;
use tokio::time::Instant;

use crate::Resource;

/// What is to be held.
#[derive(Clone, Debug)]
pub struct Election {
    /// The namespace of the Lease.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Who we are. No other process may use it, also not an earlier one that may still run.
    pub identity: String,
    /// For how long a silent holder is believed to be alive.
    pub ttl: Duration,
    /// How often the holder says that it is.
    pub renew: Duration,
}

/// Who leads, as far as is known here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    /// Until when we surely lead, by the monotonic clock; none if we do not.
    pub valid_until: Option<Instant>,
    /// Who holds the Lease.
    pub holder: Option<String>,
}

/// How the server serves Leases; it need not be asked.
pub(super) fn lease_resource() -> Resource {
    Resource {
        gvk: Gvk::new("coordination.k8s.io/v1", "Lease"),
        plural: "leases".to_owned(),
        namespaced: true,
        verbs: Vec::new(),
    }
}
