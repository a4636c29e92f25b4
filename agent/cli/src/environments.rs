//! Environments as the commands see them: read from the cluster, and judged by their conditions alone.

use api::v1alpha1::{Environment, Failure, Health, RolloutPhase, RolloutStatus};
use api::{ConditionType, Reason, conditions};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};
use serde::Serialize;

use crate::connect::Link;
use crate::request::RequestError;

/// How an Environment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Standing {
    /// Applied and healthy.
    Ready,
    /// The agent is at it.
    Progressing,
    /// A new revision is brought out step by step.
    RollingOut,
    /// A new revision waits for its time, or for somebody.
    Waiting,
    /// The newest revision was rejected; the last good one serves.
    Held,
    /// Switched off.
    Suspended,
    /// Somebody has to look.
    Failed,
    /// The agent has said nothing about this spec yet.
    Unknown,
}

/// One Environment, for a line or a document.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    /// Where it is.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// How it stands.
    pub(crate) standing: Standing,
    /// The reason of its `Ready` condition.
    pub(crate) reason: Option<String>,
    /// The message of it.
    pub(crate) message: Option<String>,
    /// Since when.
    pub(crate) since: Option<Timestamp>,
    /// What it follows.
    pub(crate) branch: String,
    /// The overlay.
    pub(crate) path: String,
    /// The newest commit that concerns it.
    pub(crate) seen: Option<String>,
    /// The commit the cluster was made equal to.
    pub(crate) applied: Option<String>,
    /// Its newest Release.
    pub(crate) release: Option<String>,
    /// The worst health of its objects.
    pub(crate) health: Option<Health>,
    /// How many objects it has.
    pub(crate) objects: u32,
    /// How many of them differ from git.
    pub(crate) drift: u32,
    /// How a new revision is brought out, where that goes step by step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rollout: Option<RolloutSummary>,
}

/// A rollout in a line.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RolloutSummary {
    /// Where it stands.
    pub(crate) phase: RolloutPhase,
    /// The commit that serves.
    pub(crate) good: Option<String>,
    /// Per cent of the requests that the new version is to get.
    pub(crate) weight: Option<u8>,
    /// `3/6 weight`
    pub(crate) step: Option<String>,
    /// What it waits for.
    pub(crate) message: String,
    /// The commit that was rejected.
    pub(crate) held: Option<String>,
}

/// The Environments of a namespace, or of all, by name.
pub(crate) fn within(link: &Link, all: bool) -> Api<Environment> {
    match all {
        true => Api::all(link.client.clone()),
        false => Api::namespaced(link.client.clone(), &link.namespace),
    }
}

/// Reads one.
pub(crate) async fn get(link: &Link, name: &str) -> Result<Environment, RequestError> {
    within(link, false)
        .get(name)
        .await
        .map_err(|error| RequestError::new(error, &title(name), link))
}

/// Reads those named, or all; sorted by namespace and name.
pub(crate) async fn list(
    link: &Link,
    all: bool,
    names: &[String],
) -> Result<Vec<Environment>, RequestError> {
    if !names.is_empty() {
        return futures::future::try_join_all(names.iter().map(|name| get(link, name))).await;
    }
    let mut found = within(link, all)
        .list(&ListParams::default())
        .await
        .map_err(|error| RequestError::new(error, "Environments", link))?
        .items;
    found.sort_by_key(|environment| (environment.namespace(), environment.name_any()));
    Ok(found)
}

/// As messages call it.
pub(crate) fn title(name: &str) -> String {
    format!("Environment `{name}`")
}

/// The condition `kind` of `environment`.
pub(crate) fn condition(environment: &Environment, kind: ConditionType) -> Option<&Condition> {
    conditions::find(&environment.status.as_ref()?.conditions, kind)
}

/// Whether the condition `kind` holds.
pub(crate) fn holds(environment: &Environment, kind: ConditionType) -> bool {
    condition(environment, kind).is_some_and(|condition| condition.status == "True")
}

/// How `environment` stands.
pub(crate) fn standing(environment: &Environment) -> Standing {
    let observed = environment
        .status
        .as_ref()
        .and_then(|status| status.observed_generation);
    if environment.spec.suspend {
        Standing::Suspended
    } else if observed.is_none() || observed < environment.metadata.generation {
        Standing::Unknown
    } else if holds(environment, ConditionType::Ready) {
        Standing::Ready
    } else if let Some(standing) = rollout_standing(environment) {
        standing
    } else if holds(environment, ConditionType::Stalled) {
        Standing::Failed
    } else if holds(environment, ConditionType::Reconciling) {
        Standing::Progressing
    } else {
        Standing::Failed
    }
}

/// How it stands on account of a new revision that is on its way, or was sent back.
fn rollout_standing(environment: &Environment) -> Option<Standing> {
    let reason = &condition(environment, ConditionType::Ready)?.reason;
    let is = |wanted: Reason| reason == wanted.as_str();
    let rollout = environment.status.as_ref()?.rollout.as_ref();
    let held = rollout.and_then(|rollout| rollout.held.as_ref());
    if is(Reason::OutsideWindow) || is(Reason::RolloutWaiting) {
        Some(Standing::Waiting)
    } else if is(Reason::RollingOut) {
        Some(Standing::RollingOut)
    } else {
        held.filter(|held| held.reason == *reason)
            .map(|_| Standing::Held)
    }
}

/// In a line, unless nothing was ever brought out step by step.
fn rollout_summary(status: &RolloutStatus) -> RolloutSummary {
    RolloutSummary {
        phase: status.phase,
        good: status.good.clone(),
        weight: status.weight,
        step: status.step.clone(),
        message: status.message.clone(),
        held: status.held.as_ref().map(|held| held.revision.clone()),
    }
}

/// What there is to say about `environment`.
pub(crate) fn summary(environment: &Environment) -> Summary {
    let status = environment.status.clone().unwrap_or_default();
    let ready = condition(environment, ConditionType::Ready);
    Summary {
        namespace: environment.namespace().unwrap_or_default(),
        name: environment.name_any(),
        standing: standing(environment),
        reason: ready.map(|ready| ready.reason.clone()),
        message: ready.map(|ready| ready.message.clone()),
        since: ready.map(|ready| ready.last_transition_time.0),
        branch: environment.spec.source.branch.clone(),
        path: environment.spec.source.path.clone(),
        seen: status.revision.seen,
        applied: status.revision.applied,
        release: status.release,
        health: status.health,
        objects: status.objects,
        drift: status.drift.count,
        rollout: status.rollout.as_ref().map(rollout_summary),
    }
}

/// `Deployment/shop/web (manifests/web.yaml:12): field is immutable`
pub(crate) fn told(failure: &Failure) -> String {
    match (&failure.object, &failure.at) {
        (Some(object), Some(at)) => format!("{object} ({at}): {}", failure.message),
        (Some(place), None) | (None, Some(place)) => format!("{place}: {}", failure.message),
        (None, None) => failure.message.clone(),
    }
}

impl Summary {
    /// Whether the cluster is what git says, and well.
    pub(crate) fn in_sync(&self) -> bool {
        self.standing == Standing::Ready && self.drift == 0
    }
}
