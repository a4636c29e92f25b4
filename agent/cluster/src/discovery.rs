//! Which kinds the API server serves.
//!
//! Asked for one group and version at a time, when first needed, and remembered. So a broken aggregated API makes only
//! its own kinds unknown, and the whole catalogue of a large cluster is never held.

use http::Method;
use krm::Gvk;
use serde::Deserialize;

use crate::{
    CallError, Cluster, Resource,
    answer::{Ask, Failure, JSON},
    catalogue::Memory,
    resource::group_version_path,
};

/// Why a kind cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The server serves no such kind: a typo, a version it no longer has, or a CRD that is not there (yet).
    #[error("the API server does not serve {0}; is its CRD installed?")]
    UnknownKind(Gvk),
    /// The part of the server that would know is down, so it is unknown whether there is such a kind.
    #[error("the API server cannot say at present whether it serves {gvk}")]
    Partial {
        /// The kind.
        gvk: Gvk,
        /// What it said.
        #[source]
        source: CallError,
    },
    /// The server cannot be asked.
    #[error(transparent)]
    Call(#[from] CallError),
}

#[derive(Deserialize)]
struct ResourceList {
    kind: String,
    resources: Vec<Served>,
}

#[derive(Deserialize)]
struct Served {
    name: String,
    kind: String,
    namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
}

impl ResolveError {
    /// True if it may be found later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::UnknownKind(_) => false,
            Self::Partial { .. } => true,
            Self::Call(error) => error.is_retryable(),
        }
    }
}

impl Cluster {
    /// How the server serves a kind.
    pub async fn resolve(&self, gvk: &Gvk) -> Result<Resource, ResolveError> {
        if let Some(known) = self.recall(gvk) {
            return known;
        }
        let turn = self.catalogue().turn(gvk);
        let held = turn.try_lock();
        if held.is_err() {
            // Somebody is asking, and at a start it is everybody. Who learned nothing from that asks for himself, but
            // not after all others: each might wait for as long as a call can take.
            drop(turn.lock().await);
            if let Some(known) = self.recall(gvk) {
                return known;
            }
        }
        let resources = self.kinds_of(gvk).await?;
        let found = resources
            .iter()
            .find(|resource| resource.gvk.kind == gvk.kind)
            .cloned();
        self.catalogue().remember(gvk, resources);
        found.ok_or_else(|| ResolveError::UnknownKind(gvk.clone()))
    }

    /// What is known of a kind without asking.
    fn recall(&self, gvk: &Gvk) -> Option<Result<Resource, ResolveError>> {
        match self.catalogue().recall(gvk) {
            Memory::Served(resource) => Some(Ok(resource)),
            Memory::Missing => Some(Err(ResolveError::UnknownKind(gvk.clone()))),
            Memory::None => None,
        }
    }

    /// Forgets what kinds there are, because a CRD was made, changed or deleted.
    pub fn forget_discovery(&self) {
        self.catalogue().clear();
    }

    /// The server's version, `v1.34.2`: a cheap way to see whether it answers at all.
    pub async fn version(&self) -> Result<String, CallError> {
        let ask = Ask {
            method: Method::GET,
            path: "/version".into(),
            accept: JSON,
            body: None,
            about: &"/version",
        };
        let answer = self.ask(ask).await.map_err(Failure::plain)?.json()?;
        let version = answer.get("gitVersion").and_then(serde_json::Value::as_str);
        Ok(version
            .ok_or_else(|| CallError::Garbage("it has no gitVersion".into()))?
            .to_owned())
    }

    async fn kinds_of(&self, gvk: &Gvk) -> Result<Vec<Resource>, ResolveError> {
        let path = group_version_path(gvk);
        let ask = Ask {
            method: Method::GET,
            path,
            accept: JSON,
            body: None,
            about: gvk,
        };
        let answer = match self.ask(ask).await {
            Ok(answer) => answer,
            Err(Failure::Call(CallError::UnknownKind(_))) => return Ok(Vec::new()),
            Err(failure) => return Err(unresolved(gvk, failure)),
        };
        let list: ResourceList = serde_json::from_slice(&answer.body)
            .ok()
            .filter(|list: &ResourceList| list.kind == "APIResourceList")
            .ok_or_else(|| CallError::Garbage("it is no list of kinds".into()))?;
        let whole = list
            .resources
            .into_iter()
            .filter(|served| !served.name.contains('/'));
        Ok(whole.map(|served| served.in_group_of(gvk)).collect())
    }
}

impl Served {
    fn in_group_of(self, gvk: &Gvk) -> Resource {
        Resource {
            gvk: Gvk {
                kind: self.kind,
                ..gvk.clone()
            },
            plural: self.name,
            namespaced: self.namespaced,
            verbs: self.verbs,
        }
    }
}

/// An aggregated API that is down answers 503 (or 5xx) for its own group only.
fn unresolved(gvk: &Gvk, failure: Failure) -> ResolveError {
    match failure {
        Failure::Refused(status) if status.code >= 500 => ResolveError::Partial {
            gvk: gvk.clone(),
            source: crate::answer::other(*status),
        },
        failure => ResolveError::Call(failure.plain()),
    }
}
