//! What is seen of a rollout: pods, shares, numbers, people.

use std::collections::BTreeMap;

use api::names;
use cluster::ResolveError;
use krm::Gvk;
use rollout::{
    State,
    observe::{Action, Approval, Command, Pods, Router, Sample, Workload, pods},
    split::{Split, Track, shares},
    watched::{Place, Watched},
};
use serde_json::Value;

use super::{Cut, Pass};
use crate::{
    chain,
    measure::{self, Versions},
    outcome::Retry,
    rollouts::Stands,
};

impl Pass<'_> {
    /// The workloads of the rollout in both versions. `None` if the cluster cannot be asked.
    pub(super) async fn workloads(
        &mut self,
        split: &Split<'_>,
    ) -> Option<BTreeMap<String, Workload>> {
        let mut all = BTreeMap::new();
        for track in split.tracks() {
            match self.workload(track, split).await {
                Ok(workload) => {
                    let workload = self.as_routers_see(track, workload).await;
                    all.insert(track.id.to_string(), workload);
                }
                Err(error) => {
                    self.unseen(&error);
                    return None;
                }
            }
        }
        Some(all)
    }

    /// Ends the pass because the cluster cannot be asked.
    pub(super) fn unseen(&mut self, error: &cluster::ReadError) {
        let message = chain::text(error);
        self.outcome
            .stop(crate::words::call(error), message, Retry::Later);
    }

    async fn workload(
        &self,
        track: &Track,
        split: &Split<'_>,
    ) -> Result<Workload, cluster::ReadError> {
        let gvk = Gvk::new("apps/v1", &track.id.kind);
        let stable = self
            .read_one(&gvk, track.namespace(), &track.id.name)
            .await?;
        let stable = stable.unwrap_or_default();
        let canary = if track.router == Router::InPlace {
            Some(self.replaced(&stable).await?)
        } else {
            let beside = self.read_one(&gvk, track.namespace(), &track.canary);
            match beside.await? {
                Some(beside) => Some(self.canary(track, &beside).await?),
                None => None,
            }
        };
        let live = self.routing_of(track, split).await?;
        Ok(Workload {
            router: track.router,
            stable: pods::of(&stable, self.revisions_applied().base.as_deref()),
            canary,
            achieved: shares::achieved(track, &live),
            fixed: track.fixed,
            most: track.most,
        })
    }

    /// The pods of the new version. What is wrong with them is looked up only while some are missing.
    async fn canary(&self, track: &Track, beside: &Value) -> Result<Pods, cluster::ReadError> {
        let mut canary = pods::of(beside, self.revisions_applied().canary.as_deref());
        if canary.ready < canary.wanted {
            let all = self.pods(track.namespace(), track.canary_labels()).await?;
            canary.stuck = pods::look(&all).stuck;
        }
        Ok(canary)
    }

    /// The pods with these labels.
    pub(super) async fn pods(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<Vec<Value>, cluster::ReadError> {
        self.labelled(&Gvk::new("v1", "Pod"), namespace, labels)
            .await
    }

    /// The objects of a kind with these labels.
    pub(super) async fn labelled(
        &self,
        gvk: &Gvk,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<Vec<Value>, cluster::ReadError> {
        let labels = labels.iter().map(|(key, value)| format!("{key}={value}"));
        let labels: Vec<_> = labels.collect();
        match self.acting.resolve(gvk).await {
            Ok(resource) => {
                self.acting
                    .list(&resource, namespace, &labels.join(","))
                    .await
            }
            Err(error) => not_served(error, Vec::new()),
        }
    }

    /// The live routes or Services that divide the users of a workload.
    async fn routing_of(
        &self,
        track: &Track,
        split: &Split<'_>,
    ) -> Result<Vec<Value>, cluster::ReadError> {
        let mut live = Vec::new();
        if track.router == Router::Selector {
            for service in &track.services {
                let gvk = Gvk::new("v1", "Service");
                live.extend(self.read_one(&gvk, track.namespace(), service).await?);
            }
        }
        for (gvk, id) in split.routes(track) {
            live.extend(self.read_one(&gvk, &id.namespace, &id.name).await?);
        }
        Ok(live)
    }

    pub(super) async fn read_one(
        &self,
        gvk: &Gvk,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, cluster::ReadError> {
        match self.acting.resolve(gvk).await {
            Ok(resource) => self.acting.get(&resource, namespace, name).await,
            Err(error) => not_served(error, None),
        }
    }

    /// What was last applied.
    pub(super) fn revisions_applied(&self) -> Stands {
        let rollouts = self.state.rollouts.as_ref();
        rollouts
            .map(|rollouts| rollouts.stands.clone())
            .unwrap_or_default()
    }

    /// What came in since the last look.
    pub(super) fn samples(&mut self) -> Vec<Sample> {
        self.rollouts().asking.take()
    }

    /// Approvals that stand on the Environment. What cannot be read approves nothing.
    pub(super) fn approvals(&self) -> Vec<Approval> {
        let text = self.annotation(names::ROLLOUT_APPROVALS);
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    /// The newest command on the Environment. That to try a revision again is heard once nobody is waited for.
    pub(super) fn command(&self) -> Option<Command> {
        let command = self.commanded()?;
        let waits = self.state.waits_for_others && command.action == Action::Retry;
        (!waits).then_some(command)
    }

    /// True if somebody has asked for a rejected revision to be tried again, and was not heard yet.
    pub(in crate::pass) fn is_to_be_retried(&self, state: &State) -> bool {
        let command = self.commanded().filter(|one| one.action == Action::Retry);
        command.is_some_and(|command| state.handled.as_ref() != Some(&command.id))
    }

    fn commanded(&self) -> Option<Command> {
        let text = self.annotation(names::ROLLOUT_COMMAND)?;
        serde_json::from_str(text).ok()
    }

    /// Checks that fail, and send back what they begin to fail under.
    pub(super) fn alarms(&self) -> BTreeMap<String, String> {
        let meant = |name: &String| {
            let mut checks = self.environment.spec.checks.iter();
            checks.any(|check| check.alarm && check.name == *name)
        };
        let failing = self.state.status.checks.iter();
        let failing = failing.filter(|check| check.fails() && meant(&check.name));
        failing
            .map(|check| (check.name.clone(), check.message.clone()))
            .collect()
    }

    /// Whom the numbers of a rollout under way are about.
    pub(super) fn watched(&self, cut: &Cut<'_>, state: &State) -> Vec<Watched> {
        match cut {
            _ if state.rollout.is_none() => Vec::new(),
            Cut::Whole => Vec::new(),
            Cut::Beside(split) => split.tracks().iter().map(watched).collect(),
            Cut::Sides(two) => self.watched_of(two, state),
        }
    }

    /// Whose numbers are asked for: of all that is `watched`.
    pub(super) fn versions(&self, watched: &[Watched], state: &State) -> Vec<Versions> {
        let Some(rollout) = &state.rollout else {
            return Vec::new();
        };
        let (release, commit) = (&rollout.target.release, &rollout.target.commit);
        let about = measure::about(&self.key.to_string(), release, commit, rollout.weight);
        let checks = self.state.checks.named();
        // What bakes is the stable version, and there is no other.
        let bakes = super::bakes(state);
        let names = |place: &Place| (place.workload.clone(), place.service.clone());
        let all = watched.iter().map(|one| {
            let canary = if bakes { &one.stable } else { &one.canary };
            Versions {
                namespaces: (canary.namespace.clone(), one.stable.namespace.clone()),
                canary: names(canary),
                stable: names(&one.stable),
                began: rollout.judged_from(),
                about: about.clone(),
                checks: checks.clone(),
            }
        });
        all.collect()
    }
}

/// `nothing` of a kind that is not served; whoever cannot say whether it is has not said that nothing is there.
fn not_served<T>(error: ResolveError, nothing: T) -> Result<T, cluster::ReadError> {
    match error {
        ResolveError::UnknownKind(_) => Ok(nothing),
        ResolveError::Partial { source, .. } | ResolveError::Call(source) => Err(source),
    }
}

/// The two versions of a workload that stand side by side.
fn watched(track: &Track) -> Watched {
    let service = track.services.first().cloned().unwrap_or_default();
    let place = |workload: &str, service: String| Place {
        namespace: track.namespace().to_owned(),
        workload: workload.to_owned(),
        service,
    };
    let beside = match track.router {
        Router::Route => rollout::split::beside(&service),
        _ => service.clone(),
    };
    Watched {
        canary: place(&track.canary, beside),
        stable: place(&track.id.name, service),
        by_pods: matches!(track.router, Router::Replicas | Router::InPlace),
    }
}
