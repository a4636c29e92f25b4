//! Whether those who lead users to pods know of them yet.
//!
//! A pod is ready a moment before its endpoint is there, and longer where the API server has much to do. A route that
//! leads to a Service without endpoints loses the requests. So they are counted, but only when a share is about to
//! grow: what is there already is told by the pods' own status.

use std::time::Duration;

use jiff::Timestamp;
use krm::Gvk;
use rollout::{
    observe::{Pods, Router, Workload, endpoints},
    split::{Track, beside},
};
use serde_json::Value;

use super::Pass;

/// How soon to look again for endpoints that are not there yet: they belong to others, and nobody tells of them.
const AGAIN: Duration = Duration::from_millis(200);

impl Pass<'_> {
    /// `workload` with no more ready pods than have endpoints, where that matters now.
    pub(super) async fn as_routers_see(
        &mut self,
        track: &Track,
        mut workload: Workload,
    ) -> Workload {
        let state = &self.rollouts().state;
        let rollout = state.rollout.as_ref();
        let (adds, returns) = rollout.map_or((false, false), |rollout| {
            (rollout.adds_users(), rollout.returns_users())
        });
        if track.router != Router::Route || !(adds || returns) {
            return workload;
        }
        let services = track.services.iter().map(|service| match adds {
            true => beside(service),
            false => service.clone(),
        });
        let services: Vec<String> = services.collect();
        let pods = match (&mut workload.canary, adds) {
            (Some(canary), true) => canary,
            (None, true) => return workload,
            (_, false) => &mut workload.stable,
        };
        self.cap_to_endpoints(pods, track.namespace(), &services)
            .await;
        workload
    }

    /// No more of `pods` are ready than each of `services` has endpoints.
    pub(super) async fn cap_to_endpoints(
        &mut self,
        pods: &mut Pods,
        namespace: &str,
        services: &[String],
    ) {
        for service in services {
            if let Some(count) = self.endpoints(namespace, service).await
                && count < pods.ready
            {
                pods.ready = count;
                self.rollouts().lags = true;
            }
        }
    }

    /// Endpoints of a Service; `None` if they cannot be read, so that the pods' own word counts.
    async fn endpoints(&self, namespace: &str, service: &str) -> Option<u32> {
        let gvk = Gvk::new("discovery.k8s.io/v1", "EndpointSlice");
        let resource = self.acting.resolve(&gvk).await.ok()?;
        let label = format!("kubernetes.io/service-name={service}");
        let slices: Vec<Value> = self.acting.list(&resource, namespace, &label).await.ok()?;
        Some(endpoints::ready(&slices))
    }

    /// When to look again: soon, where endpoints were missing.
    pub(super) fn wake_at(&mut self, wake: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        match std::mem::take(&mut self.rollouts().lags) {
            true => {
                let soon = now.saturating_add(AGAIN).unwrap_or(now);
                Some(wake.map_or(soon, |wake| wake.min(soon)))
            }
            false => wake,
        }
    }
}
