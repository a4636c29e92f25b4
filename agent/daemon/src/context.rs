//! What every environment's task shares.

use std::sync::Arc;

use cluster::{Cluster, lease::Fence};
use tokio_util::task::TaskTracker;

use crate::{
    events::Events, metrics::Metrics, registry::Registry, repos::Repos, targets::Targets,
    traces::Traces,
};

/// Needed by every actor; nothing in it may be left out.
pub(crate) struct Context {
    /// The cluster the agent runs in, with its own rights: where Environments, Releases and Inventories are.
    pub(crate) cluster: Cluster,
    /// Where their objects are.
    pub(crate) targets: Targets,
    pub(crate) repos: Arc<Repos>,
    pub(crate) registry: Registry,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) traces: Arc<Traces>,
    pub(crate) events: Events,
    /// Says whether this replica may write.
    pub(crate) fence: Fence,
    /// The agent's namespace.
    pub(crate) namespace: String,
    /// How many objects of one environment are applied at a time.
    pub(crate) concurrency: usize,
    pub(crate) tracker: TaskTracker,
}
