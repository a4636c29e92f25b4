//! One object into the cluster, or out of it.

use api::{Reason, names, v1alpha1::Environment};
use cluster::{Apply, ApplyError, Cluster, Delete, Deleted, Propagation, Resource, ServiceAccount};
use krm::Gvk;
use plan::{desired::Desired, diff::Deletion};
use serde_json::Value;

use super::{act::Carried, scopes::Kinds};
use crate::{
    chain,
    context::Context,
    key::EnvironmentKey,
    outcome::{Retry, Stop},
};

/// Carries objects with the rights of the environment.
pub(super) struct Carrier<'a> {
    context: &'a Context,
    kinds: &'a Kinds,
    cluster: Cluster,
}

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
    /// Takes on the rights that the spec names.
    pub(super) fn new(
        context: &'a Context,
        key: &EnvironmentKey,
        environment: &Environment,
        kinds: &'a Kinds,
    ) -> Result<Self, Stop> {
        let cluster = match &environment.spec.target.service_account_name {
            None => context.cluster.clone(),
            Some(name) => ServiceAccount::new(&key.namespace, name)
                .map_err(|error| chain::text(&error))
                .and_then(|who| {
                    context
                        .cluster
                        .impersonate(&who)
                        .map_err(|error| chain::text(&error))
                })
                .map_err(|fault| Stop {
                    reason: Reason::InvalidSpec,
                    message: format!("spec.target.serviceAccountName: {fault}"),
                    retry: Retry::OnChange,
                })?,
        };
        Ok(Self {
            context,
            kinds,
            cluster,
        })
    }

    /// Applies one object. Without `force`, fields of other managers are a conflict.
    pub(super) async fn apply(
        &self,
        object: &Desired,
        force: bool,
        adopt: bool,
    ) -> Result<Carried, String> {
        self.fence()?;
        let resource = self.resource(&object.gvk).await?;
        if adopt {
            self.take_over(&resource, object).await?;
        }
        let how = if force || adopt {
            How::Force
        } else {
            How::Yield
        };
        let failed = match self.send(&resource, object, &object.body, how).await {
            Ok(applied) => {
                return Ok(Carried {
                    applied,
                    recreated: false,
                });
            }
            Err(error) => error,
        };
        match &failed {
            ApplyError::Immutable { field, .. } if object.recreate => {
                self.recreate(&resource, object, field.as_deref()).await
            }
            ApplyError::Immutable { .. } => Err(format!(
                "{}; undo the change in git, or let it be deleted and made anew with the annotation {}: allowed",
                chain::text(&failed),
                names::RECREATE
            )),
            _ => Err(chain::text(&failed)),
        }
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
            return Ok(Deleted::Pending(Vec::new()));
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
    ) -> Result<Carried, String> {
        let mut probe = object.body.clone();
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
            tracing::info!(object = %object.id, field = field.unwrap_or("?"), "an immutable field changed; making it anew");
            match self.remove(resource, namespace, name, &facts.uid).await? {
                Deleted::Gone | Deleted::OtherUid => {}
                Deleted::Pending(_) => {
                    return Err(
                        "is being deleted to be made anew; waiting until it is gone".to_owned()
                    );
                }
            }
        }
        let made = self.send(resource, object, &object.body, How::Force).await;
        made.map(|applied| Carried {
            applied,
            recreated: true,
        })
        .map_err(|error| chain::text(&error))
    }

    /// Moves what other appliers own to us once, so that fields they set and git drops do not stay.
    async fn take_over(&self, resource: &Resource, object: &Desired) -> Result<(), String> {
        let (namespace, name) = (&object.id.namespace, &object.id.name);
        let failed =
            |error: &dyn std::error::Error| format!("cannot be taken over: {}", chain::text(error));
        let found = self.cluster.look(resource, namespace, name).await;
        if let Some(live) = found.map_err(|error| failed(&error))? {
            let from = self
                .cluster
                .adopt(resource, &live.facts, &live.managed_fields)
                .await;
            let from = from.map_err(|error| failed(&error))?;
            tracing::info!(object = %object.id, from = from.join(", "), "taken over");
        }
        Ok(())
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
        self.cluster.apply(apply).await
    }

    async fn remove(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> Result<Deleted, String> {
        let propagation = Propagation::Background;
        let delete = Delete {
            resource,
            namespace,
            name,
            uid,
            propagation,
            dry_run: false,
        };
        self.cluster
            .delete(delete)
            .await
            .map_err(|error| chain::text(&error))
    }

    /// The kind, asked for anew if its definition was applied a moment ago.
    async fn resource(&self, gvk: &Gvk) -> Result<Resource, String> {
        if let Some(resource) = self.kinds.resource(gvk) {
            return Ok(resource.clone());
        }
        self.context.cluster.forget_discovery();
        let resource = self
            .context
            .cluster
            .resolve(gvk)
            .await
            .map_err(|error| chain::text(&error))?;
        self.context
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
