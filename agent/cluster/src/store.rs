//! Our own custom resources, as far as they are followed for ever: the Environments.
//!
//! Each object is decoded on its own, so that one that nobody can read does not hide the others.

use std::collections::BTreeSet;

use api::v1alpha1::Environment;
use futures::{Stream, StreamExt as _, stream};
use krm::{Gvk, ObjectId};
use kube::Resource as _;
use serde_json::Value;

use crate::{Cluster, Detail, Live, Resource, Watched};

/// What became of an Environment.
#[derive(Clone, Debug)]
pub enum EnvironmentEvent {
    /// It is there, as it now is. Comes for every change, of its status too.
    Present(Box<Environment>),
    /// It is no longer there.
    Gone {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// All that are there were shown.
    Synced,
    /// It is there and cannot be read, because it was written by another version or past its schema.
    Malformed {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What is wrong with it.
        message: String,
    },
}

/// Which Environments are known, so that those missing from a new list are told as gone.
#[derive(Default)]
struct Known {
    present: BTreeSet<ObjectId>,
    listed: Option<BTreeSet<ObjectId>>,
}

/// Follows the Environments of one namespace, or of all, for ever.
pub fn environments(
    cluster: &Cluster,
    namespace: Option<String>,
) -> impl Stream<Item = EnvironmentEvent> + Send + use<> {
    let watched = cluster.watch(
        &environment_resource(),
        namespace,
        String::new(),
        Detail::Full,
    );
    let told = watched.scan(Known::default(), |known, event| {
        let events = known.take_in(event);
        async move { Some(stream::iter(events)) }
    });
    told.flatten()
}

/// How the server serves Environments: fixed by our own CRD, so it need not be asked.
fn environment_resource() -> Resource {
    Resource {
        gvk: Gvk::new(&Environment::api_version(&()), &Environment::kind(&())),
        plural: Environment::plural(&()).into_owned(),
        namespaced: true,
        verbs: ["get", "list", "watch"].map(str::to_owned).to_vec(),
    }
}

impl Known {
    fn take_in(&mut self, event: Watched) -> Vec<EnvironmentEvent> {
        match event {
            Watched::Restarted => {
                self.listed = Some(BTreeSet::new());
                Vec::new()
            }
            Watched::Object(live) => {
                let Live { facts, body, .. } = *live;
                if let Some(listed) = &mut self.listed {
                    listed.insert(facts.id.clone());
                }
                self.present.insert(facts.id.clone());
                vec![decoded(facts.id, body.unwrap_or_default())]
            }
            Watched::Gone { id, .. } => match self.present.remove(&id) {
                true => vec![gone(id)],
                false => Vec::new(),
            },
            Watched::Synced => {
                let Some(listed) = self.listed.take() else {
                    return Vec::new();
                };
                let lost = std::mem::replace(&mut self.present, listed.clone());
                let lost = lost.into_iter().filter(|id| !listed.contains(id));
                lost.map(gone).chain([EnvironmentEvent::Synced]).collect()
            }
            Watched::Resumed | Watched::Failed(_) => Vec::new(),
        }
    }
}

fn decoded(id: ObjectId, body: Value) -> EnvironmentEvent {
    match serde_json::from_value(body) {
        Ok(environment) => EnvironmentEvent::Present(Box::new(environment)),
        Err(error) => {
            let ObjectId {
                namespace, name, ..
            } = id;
            EnvironmentEvent::Malformed {
                namespace,
                name,
                message: error.to_string(),
            }
        }
    }
}

fn gone(id: ObjectId) -> EnvironmentEvent {
    EnvironmentEvent::Gone {
        namespace: id.namespace,
        name: id.name,
    }
}
