//! The Leases by which replicas know of each other: one for each running process.
//!
//! Carries them to and fro; who does what because of them is decided elsewhere. A Lease is only ever written by the one
//! process it stands for, with its version as precondition: a write that was given up and arrives late changes nothing.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use futures::{Stream, StreamExt as _, future};
use http::Method;
use jiff::Timestamp;
use krm::Gvk;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    CallError, Cluster, Resource, Watched,
    answer::{Ask, Failure, JSON},
    live::Part,
    read::Selection,
};

pub use crate::fence::{Fence, NotHeld, Tenure};

/// Who shares work with whom.
#[derive(Clone, Debug)]
pub struct Group {
    /// The namespace of their Leases.
    pub namespace: String,
    /// The beginning of their names, and what they have in common.
    pub name: String,
    /// Who this process is to people.
    pub identity: String,
    /// For how long a silent replica is believed to be alive.
    pub ttl: Duration,
}

/// The Leases of a group, one of them ours.
pub struct Leases {
    cluster: Cluster,
    resource: Resource,
    group: Group,
    name: String,
    /// UID and version of our Lease, as far as there is one.
    ours: Option<(String, String)>,
}

/// A Lease as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its name: one process, for as long as it runs.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Its version.
    pub version: String,
    /// Who it stands for; none once that one leaves.
    pub holder: Option<String>,
    /// For how long silence counts as life.
    pub ttl: Duration,
    /// What its owner tells the others.
    pub annotations: BTreeMap<String, String>,
}

/// What became of a Lease.
#[derive(Clone, Debug)]
pub enum LeaseEvent {
    /// A list begins. What is not shown until [`LeaseEvent::Synced`] does not exist any more.
    Restarted,
    /// It is there, as it now is.
    Seen(Box<Lease>),
    /// It is gone.
    Gone {
        /// Its name.
        name: String,
        /// Its UID.
        uid: String,
    },
    /// The list is complete.
    Synced,
}

/// Why our Lease was not written.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// It was taken away; the next write makes a new one.
    #[error("this replica's Lease was deleted")]
    Gone,
    /// It is not as we thought; the next write goes on from how it is.
    #[error("this replica's Lease was changed by somebody else")]
    Stale,
    /// Whether it was written is not known.
    #[error("no answer within {} s", .0.as_secs())]
    Silence(Duration),
    /// Anything else.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Leases {
    /// The Leases of `group`. Writes none yet.
    pub fn new(cluster: &Cluster, group: Group) -> Self {
        let name = format!("{}-{}-{}", group.name, plain(&group.identity), nonce());
        Self {
            cluster: cluster.clone(),
            resource: lease_resource(),
            group,
            name,
            ours: None,
        }
    }

    /// The name of ours. No other process has it, not even an earlier one of the same identity.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What becomes of all of them, ours too, for ever.
    pub fn events(&self) -> impl Stream<Item = LeaseEvent> + Send + use<> {
        let watched = self
            .cluster
            .follow(&self.resource, self.selection(), Part::Whole);
        watched.filter_map(|event| future::ready(read_event(event)))
    }

    /// All of them, as they are now: never from a cache that may lag.
    pub async fn list(&self) -> Result<Vec<Lease>, CallError> {
        let listed = timeout(self.patience(), self.pages()).await;
        listed.unwrap_or_else(|_| Err(CallError::Timeout(self.patience())))
    }

    /// Says that we are alive, and `annotations`; with `leaving`, that we shall soon be no more.
    pub async fn write(
        &mut self,
        annotations: &BTreeMap<String, String>,
        leaving: bool,
    ) -> Result<(), LeaseError> {
        let body = self.document(annotations, leaving);
        let namespace = Some(self.group.namespace.as_str());
        let (method, path) = match &self.ours {
            None => (Method::POST, self.resource.collection_path(namespace)),
            Some(_) => (
                Method::PUT,
                self.resource.object_path(&self.group.namespace, &self.name),
            ),
        };
        match timeout(self.patience(), self.send(method, path, &body)).await {
            Err(_) => Err(LeaseError::Silence(self.patience())),
            Ok(Ok(lease)) => {
                self.ours = Some((lease.uid, lease.version));
                Ok(())
            }
            Ok(Err(Failure::Refused(status))) if matches!(status.code, 404 | 409) => {
                Err(self.look().await?)
            }
            Ok(Err(failure)) => Err(failure.plain().into()),
        }
    }

    /// Deletes ours, at the end.
    pub async fn leave(&mut self) -> Result<(), CallError> {
        match self.ours.take() {
            None => Ok(()),
            Some((uid, version)) => self.delete(&self.name, &uid, &version).await,
        }
    }

    /// Deletes what a dead replica left, unless it has changed meanwhile.
    pub async fn clear_up(&self, name: &str, uid: &str, version: &str) -> Result<(), CallError> {
        self.delete(name, uid, version).await
    }

    /// True if `uid` is that of our Lease. Then it was ours, and is no more.
    pub fn lost(&mut self, uid: &str) -> bool {
        self.ours.take_if(|(ours, _)| ours == uid).is_some()
    }

    async fn pages(&self) -> Result<Vec<Lease>, CallError> {
        let (mut all, mut next) = (Vec::new(), None);
        loop {
            let page = self
                .cluster
                .page(
                    &self.resource,
                    &self.selection(),
                    Part::Whole,
                    next.as_deref(),
                )
                .await
                .map_err(Failure::plain)?;
            all.extend(page.items.iter().filter_map(Lease::read));
            next = page.next;
            if next.is_none() {
                return Ok(all);
            }
        }
    }

    /// How our Lease is, after it was not as we thought.
    async fn look(&mut self) -> Result<LeaseError, LeaseError> {
        let had = self.ours.is_some();
        // Among those of all: that takes no other right than is needed anyway.
        let found = timeout(self.patience(), self.pages()).await;
        let found = found.map_err(|_| LeaseError::Silence(self.patience()))??;
        let found = found.into_iter().find(|lease| lease.name == self.name);
        let ours = found.map(|lease| (lease.uid, lease.version));
        let same = |(uid, _): &(String, String)| {
            let known = self.ours.as_ref();
            known.is_none_or(|(known, _)| known == uid)
        };
        let kept = ours.as_ref().is_some_and(same);
        self.ours = ours;
        Ok(match kept || !had {
            true => LeaseError::Stale,
            false => LeaseError::Gone,
        })
    }

    async fn send(&self, method: Method, path: String, body: &Value) -> Result<Lease, Failure> {
        let ask = Ask {
            method,
            path,
            accept: JSON,
            body: Some((JSON, body.to_string().into_bytes())),
            about: &self.resource.gvk,
        };
        let lease = self.cluster.ask(ask).await?.json().map_err(Failure::Call)?;
        let garbage = || Failure::Call(CallError::Garbage("it is no Lease".into()));
        Lease::read(&lease).ok_or_else(garbage)
    }

    async fn delete(&self, name: &str, uid: &str, version: &str) -> Result<(), CallError> {
        let body = json!({
            "kind": "DeleteOptions", "apiVersion": "v1",
            "preconditions": { "uid": uid, "resourceVersion": version },
        });
        let ask = Ask {
            method: Method::DELETE,
            path: self.resource.object_path(&self.group.namespace, name),
            accept: JSON,
            body: Some((JSON, body.to_string().into_bytes())),
            about: &self.resource.gvk,
        };
        match timeout(self.patience(), self.cluster.ask(ask)).await {
            Err(_) => Err(CallError::Timeout(self.patience())),
            Ok(Err(Failure::Refused(status))) if matches!(status.code, 404 | 409) => Ok(()),
            Ok(answer) => answer.map(drop).map_err(Failure::plain),
        }
    }

    fn document(&self, annotations: &BTreeMap<String, String>, leaving: bool) -> Value {
        let now = format!("{:.6}", Timestamp::now());
        let holder = if leaving { "" } else { &self.group.identity };
        let (uid, version) = self.ours.clone().unzip();
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": self.name,
                "namespace": self.group.namespace,
                "labels": { api::names::REPLICA_LABEL: api::names::replica_label(&self.group.name) },
                "annotations": annotations,
                "uid": uid,
                "resourceVersion": version,
            },
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": self.group.ttl.as_secs().max(1),
                "renewTime": now,
            },
        })
    }

    fn selection(&self) -> Selection {
        let label = api::names::replica_label(&self.group.name);
        Selection {
            namespace: Some(self.group.namespace.clone()),
            labels: format!("{}={label}", api::names::REPLICA_LABEL),
            fields: String::new(),
        }
    }

    /// No call takes so long that a second one would come too late.
    fn patience(&self) -> Duration {
        self.group.ttl / 3
    }
}

impl Lease {
    fn read(lease: &Value) -> Option<Self> {
        let (metadata, spec) = (lease.get("metadata")?, lease.get("spec")?);
        let text = |key: &str| metadata.get(key)?.as_str().map(str::to_owned);
        let annotations = metadata.get("annotations").and_then(Value::as_object);
        let annotations = annotations.into_iter().flatten();
        let holder = spec.get("holderIdentity").and_then(Value::as_str);
        Some(Self {
            name: text("name")?,
            uid: text("uid")?,
            version: text("resourceVersion")?,
            holder: holder.filter(|who| !who.is_empty()).map(str::to_owned),
            ttl: Duration::from_secs(spec["leaseDurationSeconds"].as_u64().unwrap_or(15)),
            annotations: annotations
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect(),
        })
    }
}

fn read_event(event: Watched) -> Option<LeaseEvent> {
    match event {
        Watched::Restarted => Some(LeaseEvent::Restarted),
        Watched::Object(live) => {
            let lease = live.body.as_ref().and_then(Lease::read)?;
            Some(LeaseEvent::Seen(Box::new(lease)))
        }
        Watched::Gone { id, uid } => Some(LeaseEvent::Gone { name: id.name, uid }),
        Watched::Synced => Some(LeaseEvent::Synced),
        Watched::Resumed | Watched::Failed(_) => None,
    }
}

/// How the server serves Leases; it need not be asked.
fn lease_resource() -> Resource {
    Resource {
        gvk: Gvk::new("coordination.k8s.io/v1", "Lease"),
        plural: "leases".to_owned(),
        namespaced: true,
        verbs: Vec::new(),
    }
}

/// `identity` as part of a name.
fn plain(identity: &str) -> String {
    let lower = identity.to_ascii_lowercase();
    let letter = |letter: char| match letter {
        'a'..='z' | '0'..='9' => letter,
        _ => '-',
    };
    let plain: String = lower.chars().take(150).map(letter).collect();
    plain.trim_matches('-').to_owned()
}

/// A few letters that no other process has.
fn nonce() -> String {
    let random = RandomState::new().hash_one(std::process::id());
    format!("{:07x}", random & 0xfff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_identity_makes_a_name() {
        assert_eq!(plain("Host.Example-17"), "host-example-17");
        assert_eq!(plain("_x_"), "x");
        assert!(plain(&"x".repeat(500)).len() < 200);
        assert_ne!(nonce(), nonce());
    }
}
