//! The record of one revision's way into one environment, while it is being written.

use api::{
    names,
    v1alpha1::{Environment, Release, ReleaseSpec, ReleaseStatus, WindowOverride},
};
use kube::{
    Api, Client, Resource as _, ResourceExt as _,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::json;

use crate::{key::EnvironmentKey, outcome::Head};

/// How many releases of one environment are kept.
const KEPT: u64 = 20;
/// How often a number that is taken is counted up before giving up.
const TRIES: u64 = 5;

/// A release that may still change.
pub(crate) struct OpenRelease {
    pub(crate) name: String,
    pub(crate) revision: String,
    /// As it was last written, or was to be.
    pub(crate) status: ReleaseStatus,
    /// True if that failed.
    pub(crate) unwritten: bool,
    /// When it was opened, in seconds as the API server counts them: set for one that somebody else has opened, who may
    /// not have told of all that he did.
    pub(crate) taken_over: Option<i64>,
}

/// Why a release is opened.
pub(crate) struct Cause<'a> {
    pub(crate) trigger: &'a str,
    pub(crate) window_override: Option<WindowOverride>,
}

impl OpenRelease {
    /// True once it no longer changes.
    pub(crate) fn has_ended(&self) -> bool {
        self.status.ended_at.is_some() && !self.unwritten
    }
}

/// Opens the release after `last` for the revision of `head`.
pub(crate) async fn open(
    client: Client,
    environment: &Environment,
    last: Option<&str>,
    head: &Head,
    cause: &Cause<'_>,
) -> Result<OpenRelease, kube::Error> {
    let key = EnvironmentKey::of(environment);
    let api: Api<Release> = Api::namespaced(client, &key.namespace);
    let first = last.and_then(number).unwrap_or(0) + 1;
    let mut number = first;
    loop {
        let release = document(environment, &key, number, head, cause);
        match api.create(&PostParams::default(), &release).await {
            Ok(made) => {
                forget(&api, &key, number).await;
                return Ok(OpenRelease {
                    name: made.name_any(),
                    revision: head.revision.to_string(),
                    status: ReleaseStatus::default(),
                    unwritten: false,
                    taken_over: None,
                });
            }
            Err(kube::Error::Api(status)) if status.code == 409 && number < first + TRIES => {
                // Opened a moment before the agent was stopped, and never told.
                let name = names::release(&key.name, number);
                let found = api.get_opt(&name).await.ok().flatten();
                // That of a deleted namesake goes with it.
                let found = found.filter(|release| is_of(release, environment));
                let revision = head.revision.to_string();
                let same = |found: &OpenRelease| found.revision == revision && !found.has_ended();
                if let Some(open) = found.and_then(known).filter(same) {
                    return Ok(open);
                }
                number += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Reads the release that was being written when the agent stopped.
pub(crate) async fn resume(client: Client, namespace: &str, name: &str) -> Option<OpenRelease> {
    let api: Api<Release> = Api::namespaced(client, namespace);
    api.get_opt(name).await.ok().flatten().and_then(known)
}

/// True if it is `environment` that owns `release`, and no namesake of it.
fn is_of(release: &Release, environment: &Environment) -> bool {
    let owners = release.owner_references().iter();
    let mut owners = owners.map(|owner| Some(owner.uid.as_str()));
    owners.any(|uid| uid == environment.metadata.uid.as_deref())
}

fn known(release: Release) -> Option<OpenRelease> {
    let opened = release.metadata.creation_timestamp;
    Some(OpenRelease {
        name: release.metadata.name?,
        revision: release.spec.revision,
        status: release.status.unwrap_or_default(),
        unwritten: false,
        taken_over: opened.map(|opened| opened.0.as_second()),
    })
}

/// Writes how it goes.
pub(crate) async fn write(
    client: Client,
    namespace: &str,
    name: &str,
    status: &ReleaseStatus,
) -> Result<(), kube::Error> {
    let api: Api<Release> = Api::namespaced(client, namespace);
    // Absent fields are written as null, so that what no longer holds goes away.
    let mut status = serde_json::to_value(status).unwrap_or_default();
    for field in ["endedAt", "waitingFor", "failures", "hooks"] {
        if status.get(field).is_none() {
            status[field] = serde_json::Value::Null;
        }
    }
    let rollout = &mut status["rollout"];
    for field in [
        "stepSince",
        "stepUntil",
        "message",
        "workloads",
        "metrics",
        "gate",
    ] {
        if rollout.is_object() && rollout.get(field).is_none() {
            rollout[field] = serde_json::Value::Null;
        }
    }
    let patch = Patch::Merge(json!({ "status": status }));
    api.patch_status(name, &PatchParams::default(), &patch)
        .await
        .map(drop)
}

fn document(
    environment: &Environment,
    key: &EnvironmentKey,
    number: u64,
    head: &Head,
    cause: &Cause<'_>,
) -> Release {
    let source = &environment.spec.source;
    let status = environment.status.as_ref();
    let labels = [(names::ENVIRONMENT_LABEL.to_owned(), key.label())];
    Release {
        metadata: ObjectMeta {
            name: Some(names::release(&key.name, number)),
            namespace: Some(key.namespace.clone()),
            labels: Some(labels.into()),
            // They go with their Environment.
            owner_references: environment
                .controller_owner_ref(&())
                .map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        spec: ReleaseSpec {
            environment: key.name.clone(),
            number,
            revision: head.revision.to_string(),
            previous: status.and_then(|status| status.revision.applied.clone()),
            branch: source.branch.clone(),
            path: source.path.clone(),
            commit: head.commit.clone(),
            trigger: cause.trigger.to_owned(),
            window_override: cause.window_override.clone(),
        },
        status: None,
    }
}

/// Removes the release that is one too many. Failing to is no harm: the next one tries again.
async fn forget(api: &Api<Release>, key: &EnvironmentKey, newest: u64) {
    if let Some(old) = newest.checked_sub(KEPT).filter(|old| *old > 0) {
        let name = names::release(&key.name, old);
        if let Err(error) = api.delete(&name, &DeleteParams::default()).await {
            tracing::debug!(release = name, %error, "could not remove an old release");
        }
    }
}

/// The number at the end of a release's name.
fn number(name: &str) -> Option<u64> {
    name.rsplit_once('-')?.1.parse().ok()
}
