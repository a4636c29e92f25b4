//! A tenant: a service account with rights of its own, for which the agent may speak.

use anyhow::{Result, ensure};
use k8s_openapi::api::{
    authorization::v1::SubjectAccessReview,
    rbac::v1::{Role, RoleBinding},
};
use kube::{Api, api::PostParams};
use lab::eventually;
use serde_json::{Value, json};

use crate::{PATIENCE, Shop};

impl Shop {
    /// Lets the agent speak for a service account of this namespace, as `deploy/examples/tenant.yaml` does.
    pub async fn lend(&self, account: &str) -> Result<()> {
        let rule = json!({ "apiGroups": [""], "resources": ["serviceaccounts"], "resourceNames": [account], "verbs": ["impersonate"] });
        let agent = json!({ "kind": "ServiceAccount", "name": "driftless-agent", "namespace": "driftless-system" });
        self.grant("impersonate", rule, agent).await
    }

    /// Gives a service account of this namespace all rights over its ConfigMaps.
    pub async fn entitle(&self, account: &str) -> Result<()> {
        let verbs = ["get", "list", "watch", "create", "patch", "delete"];
        let rule = json!({ "apiGroups": [""], "resources": ["configmaps"], "verbs": verbs });
        let tenant =
            json!({ "kind": "ServiceAccount", "name": account, "namespace": self.namespace });
        self.grant(account, rule, tenant).await
    }

    /// Waits until the API server lets a service account of this namespace delete no ConfigMap any more: it knows of a
    /// binding that went a moment later.
    pub async fn lacks_rights(&self, account: &str) -> Result<()> {
        let reviews: Api<SubjectAccessReview> = Api::all(self.client.clone());
        let review = serde_json::from_value(json!({ "metadata": {}, "spec": {
            "user": format!("system:serviceaccount:{}:{account}", self.namespace),
            "resourceAttributes": { "namespace": self.namespace, "resource": "configmaps", "verb": "delete" },
        } }))?;
        eventually(PATIENCE, || async {
            let answer = reviews.create(&PostParams::default(), &review).await?;
            let allowed = answer.status.is_some_and(|status| status.allowed);
            ensure!(!allowed, "{account} may still delete");
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// The role bindings of this namespace.
    pub fn bindings(&self) -> Api<RoleBinding> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    async fn grant(&self, name: &str, rule: Value, subject: Value) -> Result<()> {
        let roles: Api<Role> = Api::namespaced(self.client.clone(), &self.namespace);
        let role =
            serde_json::from_value(json!({ "metadata": { "name": name }, "rules": [rule] }))?;
        roles.create(&PostParams::default(), &role).await?;
        let binding = serde_json::from_value(json!({
            "metadata": { "name": name },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name },
            "subjects": [subject],
        }))?;
        self.bindings()
            .create(&PostParams::default(), &binding)
            .await?;
        Ok(())
    }
}
