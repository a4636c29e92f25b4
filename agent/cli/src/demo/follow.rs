//! Follows the Environments of the demo until something has happened.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use api::{ConditionType, conditions::find, v1alpha1::Environment};
use futures::StreamExt as _;
use kube::{
    Api, ResourceExt as _,
    runtime::{WatchStreamExt as _, watcher},
};

use super::{
    Agent, DemoError, Screen, Target,
    cluster::{ENVIRONMENTS, NAMESPACE},
};
use crate::term::short;

/// Much longer than anything here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// A watch of the Environments.
pub(crate) struct Follow<'a> {
    api: Api<Environment>,
    agent: &'a Agent,
    seen: BTreeMap<String, Environment>,
}

impl<'a> Follow<'a> {
    pub(crate) fn new(target: &Target, agent: &'a Agent) -> Self {
        let api = Api::namespaced(target.client.clone(), NAMESPACE);
        Self {
            api,
            agent,
            seen: BTreeMap::new(),
        }
    }

    /// Waits for the first releases, and tells each as it becomes healthy.
    pub(crate) async fn all_healthy(&mut self, screen: &Screen) -> Result<(), DemoError> {
        let began = Instant::now();
        let mut told = Vec::new();
        self.until("three healthy environments", |seen| {
            for (name, environment) in seen {
                if is_ready(environment) && !told.contains(name) {
                    told.push(name.clone());
                    screen.ready(name, &summary(environment, began));
                }
            }
            (told.len() == ENVIRONMENTS.len()).then_some(())
        })
        .await
    }

    /// Waits until `happened` finds in the Environments what it looks for.
    pub(crate) async fn until<T>(
        &mut self,
        what: &str,
        mut happened: impl FnMut(&BTreeMap<String, Environment>) -> Option<T>,
    ) -> Result<T, DemoError> {
        let stream = watcher(self.api.clone(), watcher::Config::default());
        let mut events = stream.default_backoff().applied_objects().boxed();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let next = tokio::time::timeout(Duration::from_secs(1), events.next()).await;
            if let Ok(Some(Ok(environment))) = next {
                self.seen.insert(environment.name_any(), environment);
                if let Some(found) = happened(&self.seen) {
                    return Ok(found);
                }
            }
            self.agent.check()?;
            if tokio::time::Instant::now() > deadline {
                return Err(DemoError::Slow {
                    what: what.to_owned(),
                    seconds: PATIENCE.as_secs(),
                    log: self.agent.tail(),
                });
            }
        }
    }
}

/// True if the Environment says that it is.
pub(crate) fn is_ready(environment: &Environment) -> bool {
    environment.status.as_ref().is_some_and(|status| {
        find(&status.conditions, ConditionType::Ready).is_some_and(|ready| ready.status == "True")
    })
}

/// The commit that is applied.
pub(crate) fn applied(environment: &Environment) -> Option<&str> {
    environment.status.as_ref()?.revision.applied.as_deref()
}

/// The Release under way or last ended.
pub(crate) fn release(environment: &Environment) -> &str {
    environment
        .status
        .as_ref()
        .and_then(|status| status.release.as_deref())
        .unwrap_or("no release")
}

fn summary(environment: &Environment, began: Instant) -> String {
    let objects = environment
        .status
        .as_ref()
        .map_or(0, |status| status.objects);
    format!(
        "release {} of {}: {objects} objects healthy after {:.1}s",
        release(environment),
        short(applied(environment).unwrap_or("?")),
        began.elapsed().as_secs_f32()
    )
}
