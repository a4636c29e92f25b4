//! What every environment's task shares.

use std::sync::Arc;

use cluster::{Cluster, lease::Fence};
use tokio::{
    sync::Semaphore,
    task::{JoinError, spawn_blocking},
};
use tokio_util::task::TaskTracker;

use crate::{
    archive::Archives, audit::Turns, checks::Visitor, claims::Claims, config::Tenancy,
    events::Events, measure::Measures, metrics::Metrics, registry::Registry, repos::Repos,
    shelf::Shelf, targets::Targets, traces::Traces,
};

/// Needed by every actor; nothing in it may be left out.
#[derive(Clone)]
pub(crate) struct Context {
    /// The cluster the agent runs in, with its own rights: where Environments, Releases and Inventories are.
    pub(crate) cluster: Cluster,
    /// Where their objects are.
    pub(crate) targets: Arc<Targets>,
    pub(crate) repos: Arc<Repos>,
    pub(crate) registry: Arc<Registry>,
    /// Who asks for which objects.
    pub(crate) claims: Arc<Claims>,
    /// Whose rights are used where a spec names none.
    pub(crate) tenancy: Tenancy,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) traces: Arc<Traces>,
    pub(crate) measures: Measures,
    /// Who asks servers on behalf of HTTP checks.
    pub(crate) visitor: Visitor,
    pub(crate) events: Events,
    /// Says whether this replica may still write about the environment. `cluster` and `events` ask by themselves.
    pub(crate) fence: Fence,
    /// Where the inventories are.
    pub(crate) shelf: Shelf,
    /// Where what was applied is kept.
    pub(crate) archives: Archives,
    /// As many as there are cores: more renders at once would only take more memory.
    pub(crate) renders: Arc<Semaphore>,
    /// Whose turn it is to be audited; none if nobody's ever is.
    pub(crate) turns: Option<Arc<Turns>>,
    /// The only namespace whose Environments are cared for; none means all.
    pub(crate) environments_in: Option<String>,
    /// How many objects of one environment are applied at a time.
    pub(crate) concurrency: usize,
    pub(crate) tracker: TaskTracker,
}

impl Context {
    /// Does what takes a processor and not a wait, as soon as one is free.
    pub(crate) async fn on_a_core<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let room = self.renders.clone().acquire_owned().await;
        let work = move || {
            let _room = room;
            work()
        };
        spawn_blocking(work).await
    }

    /// The same, where nothing is written once `fence` no longer holds.
    pub(crate) fn fenced(&self, fence: &Fence) -> Self {
        let cluster = self.cluster.fenced(fence);
        Self {
            events: self.events.by(cluster.client()),
            shelf: self.shelf.by(cluster.client()),
            cluster,
            fence: fence.clone(),
            ..self.clone()
        }
    }
}
