//! With whose rights an environment's objects are read and written.

use api::Reason;
use cluster::ServiceAccount;

use super::Pass;
use crate::{chain, outcome::Retry};

impl Pass<'_> {
    /// Takes on the rights that the spec names. False if the pass ends here.
    pub(super) fn take_rights(&mut self) -> bool {
        self.acting = self.target().cluster.clone();
        let Some(name) = &self.environment.spec.target.service_account_name else {
            return true;
        };
        let acting = ServiceAccount::new(&self.key.namespace, name)
            .map_err(|error| chain::text(&error))
            .and_then(|who| {
                let acting = self.acting.impersonate(&who);
                acting.map_err(|error| chain::text(&error))
            });
        match acting {
            Ok(acting) => {
                self.acting = acting;
                true
            }
            Err(fault) => {
                let message = format!("spec.target.serviceAccountName: {fault}");
                self.outcome
                    .stop(Reason::InvalidSpec, message, Retry::OnChange);
                false
            }
        }
    }
}
