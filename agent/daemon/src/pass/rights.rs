//! With whose rights an environment's objects are read and written.

use api::Reason;
use cluster::ServiceAccount;
use plan::desired::reach::Reach;

use super::Pass;
use crate::{chain, outcome::Retry};

impl Pass<'_> {
    /// Takes on the rights that the spec names. False if the pass ends here.
    pub(super) fn take_rights(&mut self) -> bool {
        self.acting = self.target().cluster.fenced(&self.context.fence);
        let taken = match self.account().map(str::to_owned) {
            Some(name) => self.act_as(&name),
            None => self.may_borrow(),
        };
        match taken {
            Ok(()) => true,
            Err(message) => {
                self.outcome
                    .stop(Reason::InvalidSpec, message, Retry::OnChange);
                false
            }
        }
    }

    /// How far the environment reaches with the rights it has.
    pub(super) fn reach(&self) -> Reach<'_> {
        match self.account() {
            None if self.is_home() => Reach::Namespaces(&self.reached.namespaces),
            _ => Reach::Given,
        }
    }

    /// The service account whose rights are used.
    pub(super) fn account(&self) -> Option<&str> {
        let named = self.environment.spec.target.service_account_name.as_deref();
        // In another cluster the kubeconfig says who we are.
        let usual = self.context.tenancy.default_account.as_deref();
        named.or(usual.filter(|_| self.is_home()))
    }

    fn act_as(&mut self, name: &str) -> Result<(), String> {
        let wrong = |fault: String| format!("spec.target.serviceAccountName: {fault}");
        let who = ServiceAccount::new(&self.key.namespace, name)
            .map_err(|error| wrong(chain::text(&error)))?;
        let acting = self.acting.impersonate(&who);
        self.acting = acting.map_err(|error| wrong(chain::text(&error)))?;
        Ok(())
    }

    /// Whether the rights of whoever connects may be used. Those of a kubeconfig are the tenant's own.
    fn may_borrow(&self) -> Result<(), String> {
        let place = &self.key.namespace;
        if !self.is_home() {
            return Ok(());
        }
        if self.context.tenancy.require_account {
            return Err(format!(
                "spec.target.serviceAccountName is missing, and this agent lends its own rights to nobody; name a service account of namespace {place}"
            ));
        }
        let agents = &self.context.tenancy.agents_namespace;
        if self.namespace() == agents && place != agents {
            return Err(format!(
                "spec.target.namespace: {agents} is the agent's own namespace; only Environments in it may deploy there, or a service account that may"
            ));
        }
        Ok(())
    }

    pub(super) fn is_home(&self) -> bool {
        self.environment.spec.target.kube_config.is_none()
    }
}
