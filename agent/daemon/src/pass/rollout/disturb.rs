//! Chaos steps in the cluster: which pods there are to kill, whether a disturbance stands, and the killing.
//!
//! Its objects are applied and taken away like others that a rollout makes (`pass/calm.rs` for the end of them).

use std::collections::BTreeMap;

use api::v1alpha1::Failure;
use cluster::{Delete, Propagation, ReadError};
use jiff::Timestamp;
use krm::{Gvk, ObjectId};
use rollout::{
    observe::Disturbed,
    split::Split,
    victim::Victim,
    wish::{Disturbance, Wish},
};
use serde_json::Value;

use super::Pass;
use crate::chain;

impl Pass<'_> {
    /// What is seen of chaos steps. `None` if the cluster cannot be asked.
    pub(super) async fn disturbed(
        &mut self,
        split: &Split<'_>,
        now: Timestamp,
    ) -> Option<Disturbed> {
        let mut seen = self.undisturbed();
        let state = self.rollouts().state.clone();
        let Some(disturbance) = state.disturbance(now).filter(|one| one.until.is_none()) else {
            return Some(seen);
        };
        let looked = match state.chooses_victims(now) {
            true => self.exposed(split, &disturbance).await.map(|pods| {
                seen.pods = Some(pods);
                "the pods to be killed are not chosen".to_owned()
            }),
            false => self.lacks(split, &disturbance).await,
        };
        match looked {
            Ok(lacking) => {
                seen.stands = lacking.is_empty().then(|| disturbance.id.clone());
                seen.lacking = lacking;
                Some(seen)
            }
            Err(error) => {
                self.unseen(&error);
                None
            }
        }
    }

    /// The same where nothing can be disturbed.
    pub(super) fn undisturbed(&self) -> Disturbed {
        Disturbed {
            left: !self.disturbances().is_empty(),
            ..Disturbed::default()
        }
    }

    /// Carries out what a chaos step does but once, and notes whether one is under way.
    pub(super) async fn disturb(&mut self, wish: &Wish) {
        self.disturbs = Some(wish.chaos.is_some());
        let victims = wish.chaos.iter().flat_map(|chaos| &chaos.victims);
        for victim in victims {
            if let Err(message) = self.kill(victim, "a chaos step kills it").await {
                self.outcome.failures.push(Failure {
                    object: Some(format!("Pod/{}/{}", victim.namespace, victim.name)),
                    at: None,
                    message: format!("is to be killed by a chaos step: {message}"),
                });
            }
        }
    }

    /// Deletes one pod, and no namesake of it, with the rights of the environment.
    pub(super) async fn kill(&self, victim: &Victim, why: &'static str) -> Result<(), String> {
        let resource = self.acting.resolve(&Gvk::new("v1", "Pod")).await;
        let resource = resource.map_err(|error| chain::text(&error))?;
        let delete = Delete {
            resource: &resource,
            namespace: &victim.namespace,
            name: &victim.name,
            uid: &victim.uid,
            propagation: Propagation::Background,
            dry_run: false,
        };
        let deleted = self.acting.delete(delete).await;
        deleted.map_err(|error| chain::text(&error))?;
        tracing::info!(environment = %self.key, pod = victim.name, why, "deleted a pod");
        Ok(())
    }

    /// Pods that may be killed, by workload.
    async fn exposed(
        &self,
        split: &Split<'_>,
        disturbance: &Disturbance,
    ) -> Result<BTreeMap<String, Vec<Victim>>, ReadError> {
        let mut pods = BTreeMap::new();
        for exposed in split.exposed(&disturbance.chaos) {
            let all = self.pods(&exposed.namespace, &exposed.labels).await?;
            pods.insert(exposed.workload, all.iter().filter_map(victim).collect());
        }
        Ok(pods)
    }

    /// What the disturbance lacks to be all there; empty if nothing.
    async fn lacks(
        &self,
        split: &Split<'_>,
        disturbance: &Disturbance,
    ) -> Result<String, ReadError> {
        let stands = self.disturbances();
        let made = |wanted: &ObjectId| {
            let mut stands = stands.iter();
            stands.any(|(id, entry)| is_same(id, wanted) && entry.uid.is_some())
        };
        let wanted = split.disturbances(&disturbance.chaos);
        if let Some(missing) = wanted.iter().find(|id| !made(id)) {
            return Ok(format!("{missing} is not made yet"));
        }
        let applied = self.revisions_applied().chaos.as_ref() == Some(&disturbance.id);
        if disturbance.chaos.scale.is_some() && !applied {
            return Ok("the number of pods is not written yet".to_owned());
        }
        for victim in &disturbance.victims {
            let pod = self
                .read_one(&Gvk::new("v1", "Pod"), &victim.namespace, &victim.name)
                .await?;
            if pod.is_some_and(|pod| lives(&pod, victim)) {
                return Ok(format!("Pod {} is not killed yet", victim.name));
            }
        }
        Ok(String::new())
    }
}

/// A pod that can be killed: one that is not on its way out.
pub(super) fn victim(pod: &Value) -> Option<Victim> {
    let metadata = &pod["metadata"];
    let text = |field: &str| metadata[field].as_str().map(str::to_owned);
    metadata["deletionTimestamp"].is_null().then_some(())?;
    Some(Victim {
        uid: text("uid")?,
        namespace: text("namespace")?,
        name: text("name")?,
    })
}

fn lives(pod: &Value, victim: &Victim) -> bool {
    let metadata = &pod["metadata"];
    metadata["uid"] == victim.uid.as_str() && metadata["deletionTimestamp"].is_null()
}

/// Whether `held` in the inventory is what a chaos step wants as `wanted`, whose scope it does not know.
fn is_same(held: &ObjectId, wanted: &ObjectId) -> bool {
    let place = held.namespace == wanted.namespace || held.namespace.is_empty();
    place && (&held.group, &held.kind, &held.name) == (&wanted.group, &wanted.kind, &wanted.name)
}
