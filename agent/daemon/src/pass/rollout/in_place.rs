//! StatefulSets and DaemonSets that go step by step: what is seen of their pods, and the pods that somebody has to
//! delete because no controller does.
//!
//! Which those are is `rollout::observe::in_place`' to say. One look deletes one pod of a workload at most.

use api::v1alpha1::Failure;
use cluster::ReadError;
use krm::Gvk;
use rollout::{
    Wish,
    observe::{Pods, Router, in_place, pods},
    split::Track,
};
use serde_json::Value;

use super::{Cut, Pass, disturb::victim};
use crate::chain;

impl Pass<'_> {
    /// The pods of the revision on its way. What is wrong with them is looked up only while some are missing.
    pub(super) async fn replaced(&self, workload: &Value) -> Result<Pods, ReadError> {
        let state = self.state.rollouts.as_ref().map(|rollouts| &rollouts.state);
        let rollout = state.and_then(|state| state.rollout.as_ref());
        let digest = rollout.map(|rollout| rollout.target.digest.as_str());
        let mut seen = pods::replaced(workload, digest);
        if seen.ready < seen.wanted {
            let all = self.pods_of(workload).await?;
            if let Some(template) = self.template_of(workload).await? {
                seen.stuck = pods::look(in_place::made_from(&all, &template)).stuck;
            }
        }
        Ok(seen)
    }

    /// Deletes the next pod of each workload that waits for that.
    pub(super) async fn replace(&mut self, cut: &Cut<'_>, wish: &Wish) {
        let (Cut::Beside(split), Some(canary)) = (cut, &wish.canary) else {
            return;
        };
        for track in split
            .tracks()
            .iter()
            .filter(|one| one.router == Router::InPlace)
        {
            let key = track.id.to_string();
            let wanted = canary.pods.get(&key).copied().unwrap_or_default();
            let up = wish.base.as_ref() == Some(&canary.revision);
            // At promotion its controller sees to all of them.
            let wanted = if up { 0 } else { wanted };
            if let Err(message) = self.replace_one(track, wanted).await {
                self.outcome.failures.push(Failure {
                    object: Some(key),
                    at: None,
                    message: format!("cannot have a pod replaced: {message}"),
                });
            }
        }
    }

    async fn replace_one(&self, track: &Track, wanted: u32) -> Result<(), String> {
        let said = |error: ReadError| chain::text(&error);
        let gvk = Gvk::new("apps/v1", &track.id.kind);
        let (namespace, name) = (track.namespace(), track.id.name.as_str());
        let live = self.read_one(&gvk, namespace, name).await.map_err(said)?;
        let Some(live) = live else { return Ok(()) };
        let all = self.pods_of(&live).await.map_err(said)?;
        let found = match track.id.kind == "DaemonSet" {
            false => in_place::left_behind(&live, &all),
            true if wanted == 0 || !self.is_advanced(&live) => None,
            true => {
                let template = self.template_of(&live).await.map_err(said)?;
                template.and_then(|one| in_place::next_to_go(&live, &all, &one, wanted))
            }
        };
        match found.and_then(victim) {
            Some(pod) => self.kill(&pod, "it is replaced in a rollout").await,
            None => Ok(()),
        }
    }

    /// True if the workload is on its way to the revision of the rollout.
    fn is_advanced(&self, workload: &Value) -> bool {
        let state = self.state.rollouts.as_ref().map(|rollouts| &rollouts.state);
        let rollout = state.and_then(|state| state.rollout.as_ref());
        let toward = &workload["metadata"]["labels"][rollout::words::TOWARD_LABEL];
        rollout.is_some_and(|rollout| *toward == rollout::words::mark_of(&rollout.target.digest))
    }

    async fn pods_of(&self, workload: &Value) -> Result<Vec<Value>, ReadError> {
        let namespace = workload["metadata"]["namespace"].as_str();
        self.pods(namespace.unwrap_or_default(), &in_place::selector(workload))
            .await
    }

    /// What the pods of a workload are made from now.
    async fn template_of(&self, workload: &Value) -> Result<Option<String>, ReadError> {
        if workload["kind"] != "DaemonSet" {
            return Ok(in_place::update_of(workload).map(str::to_owned));
        }
        let gvk = Gvk::new("apps/v1", "ControllerRevision");
        let namespace = workload["metadata"]["namespace"].as_str();
        let labels = in_place::selector(workload);
        let all = self
            .labelled(&gvk, namespace.unwrap_or_default(), &labels)
            .await?;
        Ok(in_place::newest(workload, &all).map(str::to_owned))
    }
}
