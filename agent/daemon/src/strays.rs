//! Inventories whose Environment is gone without having been seen to: it had no finalizer, or somebody took it off.
//!
//! Only the record is removed. Whoever takes a finalizer off by force wants the objects left alone.

use std::{collections::BTreeSet, sync::Arc};

use api::v1alpha1::{Environment, Inventory};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, Preconditions},
};

use crate::{context::Context, key::EnvironmentKey};

/// How many inventories are read at a time: each may have a quarter of a megabyte.
const PAGE: u32 = 20;

/// Removes all of them, once; of the Environments in `namespace` alone where one is given.
pub(crate) async fn collect(context: Arc<Context>, namespace: Option<String>) {
    if let Err(error) = all(&context, namespace.as_deref()).await {
        tracing::warn!(%error, "could not look for inventories that nobody needs; the next start tries again");
    }
}

/// Removes those of the one Environment with this UID, which is gone.
pub(crate) async fn collect_of(context: Arc<Context>, key: EnvironmentKey, uid: String) {
    let found = match context.shelf.read(&key.label()).await {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(environment = %key, %error, "could not look for its inventory; the next start removes it");
            return;
        }
    };
    for inventory in found.iter().filter(|found| found.spec.owner.uid == uid) {
        if let Err(error) = remove(&context, context.shelf.api(), inventory).await {
            tracing::warn!(environment = %key, %error, "could not remove its inventory; the next start tries again");
        }
    }
}

async fn all(context: &Context, namespace: Option<&str>) -> Result<(), kube::Error> {
    let client = context.cluster.client();
    let api = context.shelf.api();
    let mut found = Vec::new();
    let mut params = ListParams::default().limit(PAGE);
    loop {
        let page = api.list(&params).await?;
        let next = page
            .metadata
            .continue_
            .clone()
            .filter(|next| !next.is_empty());
        let bare = page.items.into_iter().map(|mut inventory| {
            inventory.spec.entries.clear();
            inventory
        });
        found.extend(bare.filter(|inventory| {
            namespace.is_none_or(|namespace| inventory.spec.owner.namespace == namespace)
        }));
        match next {
            Some(next) => params = params.continue_token(&next),
            None => break,
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    // Read after the inventories: an Environment is there before its inventory is made.
    let environments: Api<Environment> = match namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let alive = environments.list_metadata(&ListParams::default()).await?;
    let alive: BTreeSet<String> = alive.iter().filter_map(kube::ResourceExt::uid).collect();
    for inventory in found {
        if !alive.contains(&inventory.spec.owner.uid) {
            remove(context, api, &inventory).await?;
        }
    }
    Ok(())
}

/// Removes one as it was read, and no other.
async fn remove(
    context: &Context,
    api: &Api<Inventory>,
    inventory: &Inventory,
) -> Result<(), kube::Error> {
    if !context.fence.holds() {
        return Ok(());
    }
    let name = inventory.name_any();
    let only = Preconditions {
        uid: inventory.uid(),
        resource_version: inventory.resource_version(),
    };
    let params = DeleteParams::default().preconditions(only);
    match api.delete(&name, &params).await {
        Ok(_) => {
            tracing::info!(inventory = name, "removed, because its Environment is gone");
            Ok(())
        }
        // Gone, or somebody has written it: then it is not what was read.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        Err(error) => Err(error),
    }
}
