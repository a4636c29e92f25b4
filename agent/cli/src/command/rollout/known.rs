//! What is known of a rollout: the Environment, its Releases, the pods of its workloads.

use std::collections::{BTreeMap, BTreeSet};

use api::names;
use api::v1alpha1::{Environment, Release, ReleaseRollout, RolloutStatus};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};
use rollout::State;

use super::pods::{self, Seen};
use crate::connect::Link;
use crate::environments;
use crate::request::RequestError;

/// Everything a view is made of.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// The Environment's name.
    pub(super) name: String,
    /// Its namespace.
    pub(super) namespace: String,
    /// Gone only while it is deleted.
    pub(super) environment: Option<Environment>,
    /// Its Releases, by name.
    pub(super) releases: BTreeMap<String, Release>,
    /// Pods of the namespaces of its workloads, by namespace and name.
    pub(super) pods: BTreeMap<(String, String), Seen>,
    /// Why there are no pods to see, if there is a reason.
    pub(super) blind: Option<String>,
}

impl Known {
    /// Reads all of it once.
    pub(super) async fn read(name: &str, link: &Link) -> Result<Self, RequestError> {
        let environment = environments::get(link, name).await?;
        let mut known = Self {
            name: name.to_owned(),
            namespace: link.namespace.clone(),
            environment: Some(environment),
            ..Self::default()
        };
        let all: Api<Release> = Api::namespaced(link.client.clone(), &link.namespace);
        let releases = all
            .list(&ListParams::default().labels(&known.label()))
            .await
            .map_err(|error| RequestError::new(error, "Releases", link))?;
        for release in releases {
            known.releases.insert(release.name_any(), release);
        }
        for namespace in known.namespaces() {
            known.look_at(&namespace, link).await;
        }
        Ok(known)
    }

    /// Reads the pods of a namespace. Not to be allowed to is no reason to show nothing.
    pub(super) async fn look_at(&mut self, namespace: &str, link: &Link) -> bool {
        let api: Api<Pod> = Api::namespaced(link.client.clone(), namespace);
        match api.list(&ListParams::default()).await {
            Ok(found) => {
                for pod in found {
                    self.pods.insert(key(&pod), pods::see(&pod));
                }
                true
            }
            Err(error) => {
                let why = RequestError::new(error, "Pods", link);
                self.blind = Some(format!("pods cannot be seen: {why}"));
                false
            }
        }
    }

    /// Picks the Releases of this Environment.
    pub(super) fn label(&self) -> String {
        let value = names::environment_label(&self.namespace, &self.name);
        format!("{}={value}", names::ENVIRONMENT_LABEL)
    }

    /// What the agent says of rollouts here.
    pub(super) fn status(&self) -> RolloutStatus {
        let status = self
            .environment
            .as_ref()
            .and_then(|one| one.status.as_ref());
        status
            .and_then(|status| status.rollout.clone())
            .unwrap_or_default()
    }

    /// What the agent remembers, if this program is not older than the agent.
    pub(super) fn state(&self) -> Option<State> {
        State::read(&self.status().state).ok()
    }

    /// The Release under way, or the last one.
    pub(super) fn release(&self) -> Option<&Release> {
        let status = self.environment.as_ref()?.status.as_ref()?;
        self.releases.get(status.release.as_ref()?)
    }

    /// Its part about the rollout.
    pub(super) fn told(&self) -> Option<&ReleaseRollout> {
        self.release()?.status.as_ref()?.rollout.as_ref()
    }

    /// The newest Release of a commit.
    pub(super) fn of_commit(&self, commit: &str) -> Option<&Release> {
        let mut releases = self.releases.values().rev();
        releases.find(|release| release.spec.revision == commit)
    }

    /// The namespaces whose pods tell something; none while nothing is under way, or where the pods are elsewhere.
    pub(super) fn namespaces(&mut self) -> BTreeSet<String> {
        let spec = self.environment.as_ref().map(|one| &one.spec);
        if spec.is_some_and(|spec| spec.target.kube_config.is_some()) {
            self.blind = Some("pods are in another cluster".to_owned());
            return BTreeSet::new();
        }
        let workloads = self.told().map(|told| told.workloads.as_slice());
        let objects = workloads.unwrap_or_default().iter();
        objects
            .filter_map(|one| one.object.split('/').nth(1).map(str::to_owned))
            .collect()
    }
}

/// Where a pod is kept.
pub(super) fn key(pod: &Pod) -> (String, String) {
    (pod.namespace().unwrap_or_default(), pod.name_any())
}
