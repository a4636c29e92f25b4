//! Which cluster the environment is kept in.
//!
//! The Secret with the kubeconfig is read when the actor begins, when the spec changes, on request, and after the
//! cluster could not be used; never while all is well.

use std::sync::Arc;

use api::{Reason, v1alpha1::SecretRef};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use super::Pass;
use crate::{
    chain,
    live::Fault,
    outcome::Retry,
    targets::{Aim, Target},
    trigger::Trigger,
    unread,
};

/// Where in the Secret the kubeconfig is, as Flux and Cluster API write it.
const KEY: &str = "value";

impl Pass<'_> {
    /// Notes whether the Secret has to be read again.
    pub(super) fn doubt(&mut self, trigger: &Trigger) {
        if let (Some(aim), Trigger::Spec | Trigger::Request) = (&mut self.state.aim, trigger) {
            aim.doubted = true;
        }
    }

    /// Finds the cluster the spec names. `None` if the pass ends here.
    pub(super) async fn aim(&mut self) -> Option<()> {
        let secret = self.environment.spec.target.kube_config.clone();
        let sure = |aim: &Aim| aim.secret == secret && !(aim.doubted && secret.is_some());
        if !self.state.aim.as_ref().is_some_and(sure) {
            let target = match &secret {
                None => Ok(self.context.targets.home()),
                Some(secret) => self.connect(secret).await,
            };
            match target {
                Ok(target) => self.take_aim(target, secret),
                Err((reason, message)) => {
                    if reason == Reason::CredentialsMissing {
                        // Whoever took the Secret away took the access away.
                        self.state.aim = None;
                    }
                    self.outcome.stop(reason, message, Retry::Later);
                    return None;
                }
            }
        }
        match self.state.aim.as_mut().and_then(Aim::gone) {
            None => Some(()),
            Some(Fault { reason, message }) => {
                self.no_cluster(reason, &message);
                None
            }
        }
    }

    /// The cluster of this pass.
    pub(super) fn target(&self) -> &Arc<Target> {
        let aim = self.state.aim.as_ref();
        &aim.expect("a cluster because a pass that finds none ends in `aim`")
            .target
    }

    /// Ends the pass because the cluster cannot be used. If a Secret leads there, it is read before the next try.
    pub(super) fn no_cluster(&mut self, reason: Reason, message: &str) {
        let message = match &self.environment.spec.target.kube_config {
            None => message.to_owned(),
            Some(secret) => {
                if let Some(aim) = &mut self.state.aim {
                    aim.doubted = true;
                }
                let place = &self.key.namespace;
                format!(
                    "by the kubeconfig in Secret {place}/{}: {message}",
                    secret.name
                )
            }
        };
        self.outcome.stop(reason, message, Retry::Later);
    }

    fn take_aim(&mut self, target: Arc<Target>, secret: Option<SecretRef>) {
        if let Some(aim) = &mut self.state.aim
            && Arc::ptr_eq(&aim.target, &target)
            && aim.secret == secret
        {
            aim.doubted = false;
            return;
        }
        self.state.foreign_namespaces.clear();
        self.state.aim = Some(Aim::at(target, secret, &self.label));
    }

    /// Reads the Secret, which lives beside the Environment and nowhere else.
    async fn connect(&self, secret: &SecretRef) -> Result<Arc<Target>, (Reason, String)> {
        let place = &self.key.namespace;
        let wrong = |fault: &str| {
            let message = format!("Secret {place}/{}: {fault}", secret.name);
            (Reason::CredentialsMissing, message)
        };
        let secrets: Api<Secret> = Api::namespaced(self.context.cluster.client(), place);
        let found = match secrets.get_opt(&secret.name).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                return Err(wrong(
                    "does not exist; make it, or take spec.target.kubeConfig out",
                ));
            }
            Err(error) => {
                let (_, message) = wrong(&unread::why(&error, "secrets", place));
                return Err((crate::words::kube(&error), message));
            }
        };
        let value = found.data.and_then(|mut data| data.remove(KEY));
        let value = value.ok_or_else(|| wrong("has no key \"value\" with a kubeconfig in it"))?;
        let text = String::from_utf8(value.0).map_err(|_| wrong("its key \"value\" is no text"))?;
        let target = self.context.targets.of(&text).await;
        target.map_err(|error| wrong(&chain::text(&error)))
    }
}
