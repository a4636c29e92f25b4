//! Which repo an environment follows, and what it says now.

use std::collections::BTreeMap;

use api::Reason;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use source::{Branch, Credentials, RepoUrl};
use tokio_util::sync::CancellationToken;

use super::Pass;
use crate::{outcome::Retry, repos::News, state::Followed, unread};

impl Pass<'_> {
    /// Subscribes to the repo of the spec and waits for its first news. `None` if the pass ends here.
    /// A repo that is slow to answer holds nobody: a new spec ends the wait.
    pub(super) async fn follow(&mut self, cancel: &CancellationToken) -> Option<News> {
        let source = &self.environment.spec.source;
        let same = |followed: &Followed| followed.source == *source && !followed.refused();
        if !self.state.followed.as_ref().is_some_and(same) {
            self.leave_repo();
            self.subscribe().await?;
        }
        let followed = self.state.followed.as_mut()?;
        loop {
            let news = followed.subscription.news();
            let head = news.heads.get(&followed.subscription.branch);
            if head.is_some() || news.fault.is_some() {
                followed.dealt_with = head.copied();
                followed.faulty = news.fault.is_some();
                followed.fault = news.fault.as_ref().map(|fault| fault.reason);
                return Some(news);
            }
            tokio::select! {
                () = followed.subscription.changed() => {}
                () = cancel.cancelled() => {
                    self.interrupt();
                    return None;
                }
            }
        }
    }

    /// Holds on to the mirror of a repo that is no longer followed: what serves may be known to no other.
    fn leave_repo(&mut self) {
        let url = &self.environment.spec.source.url;
        let left = self.state.followed.take();
        let left = left.filter(|followed| followed.source.url != *url);
        let mirror = left.and_then(|followed| followed.subscription.mirror());
        self.state.left = mirror.or(self.state.left.take());
    }

    async fn subscribe(&mut self) -> Option<()> {
        let source = self.environment.spec.source.clone();
        let url = RepoUrl::parse(&source.url).map_err(|error| ("url", crate::chain::text(&error)));
        let branch =
            Branch::parse(&source.branch).map_err(|error| ("branch", crate::chain::text(&error)));
        let (url, branch) = match (url, branch) {
            (Ok(url), Ok(branch)) => (url, branch),
            (url, branch) => {
                let faults = [url.err(), branch.err()].into_iter().flatten();
                let faults: Vec<_> = faults
                    .map(|(field, fault)| format!("spec.source.{field}: {fault}"))
                    .collect();
                self.outcome
                    .stop(Reason::InvalidSpec, faults.join("; "), Retry::OnChange);
                return None;
            }
        };
        let credentials = match &source.credentials {
            None => Credentials::none(),
            Some(secret) => self.credentials(&secret.name).await?,
        };
        let interval = self.environment.spec.interval.duration();
        let subscription = self
            .context
            .repos
            .subscribe(&url, credentials, branch, interval);
        self.state.followed = Some(Followed {
            source,
            subscription,
            dealt_with: None,
            faulty: false,
            fault: None,
        });
        Some(())
    }

    /// Reads the Secret, which lives beside the Environment and nowhere else.
    async fn credentials(&mut self, name: &str) -> Option<Credentials> {
        let secrets: Api<Secret> =
            Api::namespaced(self.context.cluster.client(), &self.key.namespace);
        let read = match secrets.get_opt(name).await {
            Ok(Some(secret)) => {
                let data = secret.data.unwrap_or_default();
                let data: BTreeMap<_, _> = data
                    .into_iter()
                    .map(|(key, value)| (key, value.0))
                    .collect();
                Credentials::from_secret(&data).map_err(|error| crate::chain::text(&error))
            }
            Ok(None) => {
                Err("does not exist; make it, or take spec.source.credentials out".to_owned())
            }
            Err(error) => Err(unread::why(&error, "secrets", &self.key.namespace)),
        };
        match read {
            Ok(credentials) => Some(credentials),
            Err(fault) => {
                let message = format!("Secret {}/{name}: {fault}", self.key.namespace);
                self.outcome
                    .stop(Reason::CredentialsMissing, message, Retry::Later);
                None
            }
        }
    }
}

impl Followed {
    /// True if the server did not accept the credentials: then they are read again before the next try.
    fn refused(&self) -> bool {
        self.fault == Some(Reason::AuthenticationFailed)
    }
}
