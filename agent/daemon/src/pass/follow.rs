//! Which repo an environment follows, and what it says now.

use std::{collections::BTreeMap, sync::Arc};

use api::Reason;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use source::{Branch, Credentials, Mirror, RepoUrl, Revision};
use tokio_util::sync::CancellationToken;

use super::Pass;
use crate::{
    outcome::Retry,
    repos::{Fault, News},
    state::Followed,
    unread,
};

impl Pass<'_> {
    /// Subscribes to the repo of the spec and waits for its first news. `None` if the pass ends here.
    /// A repo that is slow to answer holds nobody: a new spec ends the wait.
    pub(super) async fn follow(&mut self, cancel: &CancellationToken) -> Option<News> {
        let source = &self.environment.spec.source;
        let same = |followed: &Followed| followed.source == *source && !followed.refused;
        if !self.state.followed.as_ref().is_some_and(same) {
            let Some((url, branch)) = self.address() else {
                self.turn_to(None);
                return None;
            };
            match self.credentials().await {
                Ok(credentials) => self.subscribe(&url, branch, credentials),
                Err(message) => return Some(self.without_credentials(message)),
            }
        }
        let followed = self.state.followed.as_mut()?;
        let interval = self.environment.spec.interval.duration();
        followed.subscription.wish(interval);
        loop {
            let news = followed.subscription.news();
            let head = news.heads.get(&followed.subscription.branch);
            if head.is_some() || news.fault.is_some() {
                followed.note(&news);
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

    /// Where the spec says the repo is. `None` if it says nothing that makes sense.
    fn address(&mut self) -> Option<(RepoUrl, Branch)> {
        let source = &self.environment.spec.source;
        let url = RepoUrl::parse(&source.url).map_err(|error| ("url", crate::chain::text(&error)));
        let branch =
            Branch::parse(&source.branch).map_err(|error| ("branch", crate::chain::text(&error)));
        match (url, branch) {
            (Ok(url), Ok(branch)) => Some((url, branch)),
            (url, branch) => {
                let faults = [url.err(), branch.err()].into_iter().flatten();
                let faults: Vec<_> = faults
                    .map(|(field, fault)| format!("spec.source.{field}: {fault}"))
                    .collect();
                self.outcome
                    .stop(Reason::InvalidSpec, faults.join("; "), Retry::OnChange);
                None
            }
        }
    }

    /// Follows the repo, unless it is followed already with the same credentials.
    fn subscribe(&mut self, url: &RepoUrl, branch: Branch, credentials: Credentials) {
        let source = &self.environment.spec.source;
        let same = |followed: &Followed| {
            followed.source == *source && followed.subscription.reads(url, &credentials)
        };
        if self.state.followed.as_ref().is_some_and(same) {
            return;
        }
        let interval = self.environment.spec.interval.duration();
        let repos = &self.context.repos;
        let subscription = repos.subscribe(url, credentials, branch, interval);
        self.turn_to(Some(Followed {
            source: source.clone(),
            subscription,
            dealt_with: None,
            faulty: false,
            refused: false,
        }));
    }

    /// The news while nobody can ask the repo of the spec: what is known of it is kept up.
    fn without_credentials(&mut self, message: String) -> News {
        let source = &self.environment.spec.source;
        let same = |followed: &Followed| followed.source == *source;
        if !self.state.followed.as_ref().is_some_and(same) {
            self.turn_to(None);
        }
        let known = self.state.followed.as_mut().map(|followed| {
            let news = followed.subscription.news();
            followed.note(&news);
            news
        });
        let fault = Fault {
            reason: Reason::CredentialsMissing,
            message,
            credentials: true,
        };
        News {
            fault: Some(Arc::new(fault)),
            ..known.unwrap_or_default()
        }
    }

    /// Goes over to another repo. What stands may be known to none but the mirrors of those before: they are held on to.
    fn turn_to(&mut self, followed: Option<Followed>) {
        // Let go of once the next one is followed: it may be the same repo.
        let before = std::mem::replace(&mut self.state.followed, followed);
        let Some(mirror) = before.and_then(|before| before.subscription.mirror()) else {
            return;
        };
        let left = std::mem::take(&mut self.state.left);
        let known: Vec<_> = std::iter::once(mirror).chain(left).collect();
        for revision in self.that_stand() {
            let has = |mirror: &&Arc<Mirror>| mirror.commit(&revision).is_ok();
            let Some(mirror) = known.iter().find(has) else {
                continue;
            };
            let left = &mut self.state.left;
            if !left.iter().any(|one| Arc::ptr_eq(one, mirror)) {
                left.push(mirror.clone());
            }
        }
    }

    /// The revisions that stand, or may.
    fn that_stand(&self) -> Vec<Revision> {
        let status = &self.state.status.revision;
        let rollouts = self.state.rollouts.as_ref().map(|all| &all.state);
        let good = rollouts.and_then(|state| state.good.as_ref());
        let target = rollouts.and_then(|state| Some(&state.rollout.as_ref()?.target));
        let told = [status.applied.as_deref(), status.seen.as_deref()];
        let of_rollouts = [good, target].map(|one| one.map(|one| one.commit.as_str()));
        let all = told.into_iter().chain(of_rollouts).flatten();
        all.filter_map(|text| Revision::parse(text).ok()).collect()
    }

    /// Reads the Secret, which lives beside the Environment and nowhere else; or why it cannot be read.
    async fn credentials(&self) -> Result<Credentials, String> {
        let Some(secret) = &self.environment.spec.source.credentials else {
            return Ok(Credentials::none());
        };
        let (name, namespace) = (&secret.name, &self.key.namespace);
        let secrets: Api<Secret> = Api::namespaced(self.context.cluster.client(), namespace);
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
            Err(error) => Err(unread::why(&error, "secrets", namespace)),
        };
        read.map_err(|fault| format!("Secret {namespace}/{name}: {fault}"))
    }
}

impl Followed {
    /// Notes what a pass is made with.
    fn note(&mut self, news: &News) {
        self.dealt_with = news.heads.get(&self.subscription.branch).copied();
        self.faulty = news.fault.is_some();
        self.refused = news.fault.as_ref().is_some_and(|fault| fault.credentials);
    }
}
