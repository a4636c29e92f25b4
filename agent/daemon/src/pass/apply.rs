//! One object into the cluster, or out of it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use api::{Reason, names};
use cluster::{
    Apply, ApplyError, CallError, Cluster, Delete, DeleteError, Deleted, Propagation, Resource,
};
use krm::{Gvk, ObjectId};
use plan::{
    desired::Desired,
    diff::{
        Deletion, Release,
        approval::{Recreation, recreation_waits},
    },
    inventory::Entry,
};
use serde_json::Value;

use super::scopes::Kinds;
use crate::{chain, context::Context, targets::Target};

mod answers;
mod hand;

pub(super) use answers::{Carried, Kept, Unapplied};

/// Carries objects with the rights of the environment.
pub(super) struct Carrier<'a> {
    context: &'a Context,
    pub(super) target: Arc<Target>,
    kinds: &'a Kinds,
    /// The target, with the rights of the environment.
    cluster: Cluster,
    reach: Reach,
    granted: Granted,
}

/// Objects that somebody allowed to be made anew, with the UID that may be deleted for it.
pub(super) type Granted = BTreeMap<ObjectId, String>;

/// Whether the cluster is still there, as the answers to writes tell.
#[derive(Default)]
struct Reach {
    silent: AtomicU32,
    lost: OnceLock<(Reason, String)>,
}

/// After so many writes in a row without an answer, none is waited for any more. One alone may have met a slow webhook.
const SILENT: u32 = 4;

/// What happens to fields that somebody else owns.
#[derive(Clone, Copy)]
enum How {
    /// They are a conflict.
    Yield,
    /// They are taken.
    Force,
    /// They are taken, in a dry run.
    Probe,
}

impl<'a> Carrier<'a> {
    /// Carries into `target`. `cluster` is that, with the rights of the environment; `granted` may be made anew.
    pub(super) fn new(
        context: &'a Context,
        target: Arc<Target>,
        kinds: &'a Kinds,
        cluster: Cluster,
        granted: Granted,
    ) -> Self {
        Self {
            context,
            cluster,
            target,
            kinds,
            granted,
            reach: Reach::default(),
        }
    }

    /// Why the cluster cannot be written to any more, once that is so.
    pub(super) fn lost(&self) -> Option<(Reason, String)> {
        self.reach.lost.get().cloned()
    }

    /// Applies one object. Without `force`, fields of other managers are a conflict.
    pub(super) async fn apply(
        &self,
        object: &Desired,
        force: bool,
        adopt: bool,
    ) -> Result<Carried, Unapplied> {
        self.fence()?;
        let resource = self.resource(&object.gvk).await?;
        let ahead = self.hand_ahead(&resource, object, adopt).await?;
        let body = match ahead.exists {
            true => &object.body,
            false => object.whole(),
        };
        let how = if force || adopt {
            How::Force
        } else {
            How::Yield
        };
        let failed = match self.send(&resource, object, body, how).await {
            Ok(applied) => {
                return Ok(Carried {
                    applied: self.hand_after(&resource, object, applied).await?,
                    recreated: false,
                    from: ahead.from,
                });
            }
            Err(error) => error,
        };
        match &failed {
            ApplyError::Immutable { field, .. } if object.recreate => {
                self.recreate(&resource, object, field.as_deref()).await
            }
            ApplyError::Immutable { .. } => Err(Unapplied::Told(format!(
                "{}; undo the change in git, or let it be deleted and made anew with the annotation {}: allowed",
                chain::text(&failed),
                names::RECREATE
            ))),
            _ => Err(Unapplied::Told(chain::text(&failed))),
        }
    }

    /// The object as it is, and as it would be if it were applied now. Nothing is changed.
    pub(super) async fn rehearse(&self, object: &Desired) -> Result<(Value, Value), String> {
        self.fence()?;
        let resource = self.resource(&object.gvk).await?;
        let (namespace, name) = (&object.id.namespace, &object.id.name);
        let live = self.cluster.get(&resource, namespace, name).await;
        let live = live.map_err(|error| chain::text(&error))?;
        let live = live.ok_or_else(|| "is not there".to_owned())?;
        let after = self.send(&resource, object, &object.body, How::Probe).await;
        let after = after.map_err(|error| chain::text(&error))?;
        let version = live["metadata"]["resourceVersion"].as_str();
        match (after.body, version == Some(&after.facts.resource_version)) {
            (Some(body), true) => Ok((live, body)),
            _ => Err("changed while it was looked at".to_owned()),
        }
    }

    /// Takes the label off one object, and only the one that was planned for.
    pub(super) async fn release(&self, release: &Release) -> Result<(), Kept> {
        self.fence()?;
        let id = &release.id;
        let gvk = Gvk {
            group: id.group.clone(),
            version: release.version.clone(),
            kind: id.kind.clone(),
        };
        let resource = self.resource(&gvk).await?;
        let (namespace, name) = (&id.namespace, &id.name);
        let uid = &release.uid;
        let release = cluster::Release {
            resource: &resource,
            namespace,
            name,
            uid,
        };
        self.cluster.release(release).await?;
        Ok(())
    }

    /// Deletes one object, and only the one that was planned for.
    pub(super) async fn delete(&self, deletion: &Deletion) -> Result<Deleted, String> {
        self.fence()?;
        let id = &deletion.id;
        let version = deletion.version.clone();
        let gvk = Gvk {
            group: id.group.clone(),
            version,
            kind: id.kind.clone(),
        };
        let resource = self.resource(&gvk).await?;
        if deletion.deleting {
            // Asked for before; asking again would not hurry its finalizers.
            return Ok(Deleted::Pending(deletion.finalizers.clone()));
        }
        let Some(uid) = &deletion.uid else {
            // Written ahead and never confirmed. If nothing is there, it was never made.
            let found = self.cluster.look(&resource, &id.namespace, &id.name).await;
            return match found.map_err(|error| chain::text(&error))? {
                None => Ok(Deleted::Gone),
                Some(_) => Err("appeared a moment ago; it is judged anew".to_owned()),
            };
        };
        self.remove(&resource, &id.namespace, &id.name, uid).await
    }

    /// Makes an object anew whose immutable field changed, once a dry run shows that it can be made.
    async fn recreate(
        &self,
        resource: &Resource,
        object: &Desired,
        field: Option<&str>,
    ) -> Result<Carried, Unapplied> {
        let mut probe = object.whole().clone();
        let name = format!(
            "{}-driftless-probe",
            object.id.name.chars().take(40).collect::<String>()
        );
        probe["metadata"]["name"] = Value::String(name);
        self.send(resource, object, &probe, How::Probe)
            .await
            .map_err(|error| {
                format!(
                    "is not made anew, because a dry run of that failed: {}",
                    chain::text(&error)
                )
            })?;
        let (namespace, name) = (&object.id.namespace, &object.id.name);
        let found = self.cluster.look(resource, namespace, name).await;
        let found = found.map_err(|error| chain::text(&error))?;
        if let Some(cluster::Live { facts, .. }) = found {
            let granted = self.granted.get(&object.id) == Some(&facts.uid);
            if recreation_waits(&object.id) && !granted {
                return Err(Unapplied::Anew(Recreation {
                    id: object.id.clone(),
                    uid: facts.uid,
                    digest: object.digest.clone(),
                }));
            }
            tracing::info!(object = %object.id, field = field.unwrap_or("?"), "an immutable field changed; making it anew");
            match self.remove(resource, namespace, name, &facts.uid).await? {
                Deleted::Gone | Deleted::OtherUid => {}
                Deleted::Pending(_) => {
                    let message = "is being deleted to be made anew; waiting until it is gone";
                    return Err(Unapplied::Told(message.to_owned()));
                }
            }
        }
        let made = self
            .send(resource, object, object.whole(), How::Force)
            .await
            .map_err(|error| chain::text(&error))?;
        Ok(Carried {
            applied: self.hand_after(resource, object, made).await?,
            recreated: true,
            from: Vec::new(),
        })
    }

    async fn send(
        &self,
        resource: &Resource,
        object: &Desired,
        body: &Value,
        how: How,
    ) -> Result<cluster::Applied, ApplyError> {
        let name = body["metadata"]["name"].as_str().unwrap_or(&object.id.name);
        let namespace = &object.id.namespace;
        let (force, dry_run) = match how {
            How::Yield => (false, false),
            How::Force => (true, false),
            How::Probe => (true, true),
        };
        let apply = Apply {
            resource,
            namespace,
            name,
            body,
            force,
            dry_run,
        };
        let applied = self.cluster.apply(apply).await;
        self.reach.note(match &applied {
            Err(ApplyError::Call(error)) => Some(error),
            _ => None,
        });
        applied
    }

    async fn remove(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> Result<Deleted, String> {
        let propagation = Propagation::Background;
        self.send_delete(Delete {
            resource,
            namespace,
            name,
            uid,
            propagation,
            dry_run: false,
        })
        .await
    }

    async fn send_delete(&self, delete: Delete<'_>) -> Result<Deleted, String> {
        let deleted = self.cluster.delete(delete).await;
        self.reach.note(match &deleted {
            Err(DeleteError::Call(error)) => Some(error),
            _ => None,
        });
        deleted.map_err(|error| chain::text(&error))
    }

    /// Deletes the Job of a hook, and only the one that was made.
    pub(super) async fn end(
        &self,
        id: &ObjectId,
        entry: &Entry,
        propagation: Propagation,
    ) -> Result<Deleted, String> {
        self.fence()?;
        let resource = self.resource(&entry.gvk(id)).await?;
        let (namespace, name) = (&id.namespace, &id.name);
        let uid = if let Some(uid) = &entry.uid {
            uid.to_string()
        } else {
            // Written ahead and never confirmed: ours if we have applied to it.
            let found = self.cluster.look(&resource, namespace, name).await;
            match found.map_err(|error| chain::text(&error))? {
                None => return Ok(Deleted::Gone),
                Some(live) if live.facts.owner.is_none() => return Ok(Deleted::OtherUid),
                Some(live) => live.facts.uid,
            }
        };
        self.send_delete(Delete {
            resource: &resource,
            namespace,
            name,
            uid: &uid,
            propagation,
            dry_run: false,
        })
        .await
    }

    /// The target, with the rights of the environment.
    pub(super) fn acting(&self) -> &Cluster {
        &self.cluster
    }

    /// The kind, asked for anew if its definition was applied a moment ago.
    pub(super) async fn resource(&self, gvk: &Gvk) -> Result<Resource, String> {
        if let Some(resource) = self.kinds.resource(gvk) {
            return Ok(resource.clone());
        }
        self.target.cluster.forget_discovery();
        let resource = self
            .target
            .cluster
            .resolve(gvk)
            .await
            .map_err(|error| chain::text(&error))?;
        self.target
            .live
            .follow(std::slice::from_ref(&resource))
            .await;
        Ok(resource)
    }

    /// Refuses to write once another replica may have taken over.
    fn fence(&self) -> Result<(), String> {
        match self.context.fence.holds() {
            true => Ok(()),
            false => Err("this replica no longer leads".to_owned()),
        }
    }
}

impl Reach {
    /// Takes in how a call ended: with an answer, or with an error that is none.
    fn note(&self, error: Option<&CallError>) {
        let lost = match error {
            Some(CallError::Unreachable { .. } | CallError::Unauthorized(_)) => true,
            Some(CallError::Timeout(_)) => {
                self.silent.fetch_add(1, Ordering::Relaxed) + 1 >= SILENT
            }
            _ => {
                self.silent.store(0, Ordering::Relaxed);
                false
            }
        };
        if let (true, Some(error)) = (lost, error) {
            // The first reason is as good as any later one.
            self.lost
                .get_or_init(|| (crate::words::call(error), error.to_string()));
        }
    }
}
