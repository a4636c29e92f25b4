//! Deleting Environments, and what is left of them.

use anyhow::{Context as _, Result, ensure};
use api::{names, v1alpha1::Inventory};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use lab::eventually;
use serde_json::json;

use crate::{PATIENCE, Shop};

impl Shop {
    /// Asks for the deletion of an Environment, as `kubectl delete --wait=false` does.
    pub async fn delete(&self, environment: &str) -> Result<()> {
        self.environments()
            .delete(environment, &DeleteParams::default())
            .await?;
        Ok(())
    }

    /// Waits until the Environment does not exist.
    pub async fn gone(&self, environment: &str) -> Result<()> {
        let look = || async {
            let found = self.environments().get_opt(environment).await?;
            let told = found
                .as_ref()
                .map(|found| serde_json::to_string(&found.status));
            ensure!(found.is_none(), "is still there: {told:?}");
            Ok(())
        };
        let gone = eventually(PATIENCE, look).await;
        gone.with_context(|| format!("{environment} in {}", self.namespace))
    }

    /// Takes our finalizer off by force.
    pub async fn force_off(&self, environment: &str) -> Result<()> {
        let patch = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
        self.environments()
            .patch(environment, &PatchParams::default(), &patch)
            .await?;
        Ok(())
    }

    /// The inventories of this namespace's Environments.
    pub async fn inventories(&self) -> Result<Vec<Inventory>> {
        let api: Api<Inventory> = Api::namespaced(self.client.clone(), crate::install::NAMESPACE);
        let mut all = api.list(&ListParams::default()).await?.items;
        all.retain(|inventory| inventory.spec.owner.namespace == self.namespace);
        Ok(all)
    }

    /// Waits until there is no inventory of this namespace.
    pub async fn no_inventory(&self) -> Result<()> {
        let look = || async {
            let left = self.inventories().await?;
            ensure!(left.is_empty(), "{} are left", left.len());
            Ok(())
        };
        Ok(eventually(PATIENCE, look).await?)
    }

    /// UID and environment label of a ConfigMap.
    pub async fn facts(&self, map: &str) -> Result<(String, Option<String>)> {
        let map = self.maps().get(map).await?;
        let label = map.labels().get(names::ENVIRONMENT_LABEL).cloned();
        Ok((map.uid().unwrap_or_default(), label))
    }

    /// Approves the plan that waits.
    pub async fn approve(&self, digest: &str) -> Result<()> {
        let annotations = json!({ names::APPROVED_PLAN: digest });
        self.change(json!({ "metadata": { "annotations": annotations } }))
            .await
    }
}
