//! Which Environments there are: one actor for each, for as long as it exists and this replica leads.

use std::{collections::BTreeMap, sync::Arc};

use api::v1alpha1::Environment;
use cluster::store::EnvironmentEvent;
use futures::{Stream, StreamExt as _};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    actor::Actor, context::Context, key::EnvironmentKey, pass::removal::has_finalizer, strays,
};

/// Runs actors for all Environments that `events` tells of, until `cancel`.
pub(crate) async fn care(
    context: Arc<Context>,
    events: impl Stream<Item = EnvironmentEvent>,
    cancel: CancellationToken,
) {
    let mut events = std::pin::pin!(events);
    let mut all = Actors {
        context,
        cancel: cancel.clone(),
        running: BTreeMap::new(),
    };
    loop {
        let event = tokio::select! {
            () = cancel.cancelled() => break,
            event = events.next() => event,
        };
        match event {
            Some(EnvironmentEvent::Present(environment)) => all.present(*environment),
            Some(EnvironmentEvent::Gone { namespace, name }) => {
                all.gone(&EnvironmentKey { namespace, name });
            }
            Some(EnvironmentEvent::Malformed {
                namespace,
                name,
                message,
            }) => {
                tracing::warn!(namespace, name, error = %message, "an Environment cannot be read");
                all.stop(&EnvironmentKey { namespace, name });
            }
            None => break,
        }
    }
    all.drain().await;
}

struct Actors {
    context: Arc<Context>,
    cancel: CancellationToken,
    running: BTreeMap<EnvironmentKey, Running>,
}

struct Running {
    uid: Option<String>,
    wanted: watch::Sender<Arc<Environment>>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Actors {
    fn present(&mut self, environment: Environment) {
        let key = EnvironmentKey::of(&environment);
        let uid = environment.metadata.uid.clone();
        self.context.registry.saw(&key, &environment);
        let going = environment.metadata.deletion_timestamp.is_some();
        if going && !has_finalizer(&environment) {
            // Nothing is left to do; its end will be told.
            return self.stop(&key);
        }
        self.context.claims.saw(&environment, true);
        match self.running.get(&key) {
            Some(running) if running.uid == uid => {
                running.wanted.send_replace(Arc::new(environment));
            }
            Some(_) => {
                // It was deleted and made again before we looked.
                self.gone(&key);
                self.start(key, uid, environment);
            }
            None => self.start(key, uid, environment),
        }
        self.context.metrics.environments(self.running.len());
    }

    fn start(&mut self, key: EnvironmentKey, uid: Option<String>, environment: Environment) {
        let (wanted, receiver) = watch::channel(Arc::new(environment));
        let cancel = self.cancel.child_token();
        let actor = Actor::new(key.clone(), self.context.clone(), receiver, cancel.clone());
        let task = self.context.tracker.spawn(actor.run());
        self.running.insert(
            key,
            Running {
                uid,
                wanted,
                cancel,
                task,
            },
        );
    }

    /// The Environment no longer exists; nor is its inventory needed.
    fn gone(&mut self, key: &EnvironmentKey) {
        if let Some(uid) = self
            .running
            .get(key)
            .and_then(|running| running.uid.clone())
        {
            let stray = strays::collect_of(self.context.clone(), key.clone(), uid);
            self.context.tracker.spawn(stray);
        }
        self.stop(key);
    }

    /// Ends caring for it.
    fn stop(&mut self, key: &EnvironmentKey) {
        self.context.registry.lost(key);
        self.context.claims.lost(key);
        if let Some(running) = self.running.remove(key) {
            running.cancel.cancel();
        }
        self.context.metrics.forget(key);
        self.context.metrics.environments(self.running.len());
    }

    /// Waits until every actor has come to an object boundary.
    async fn drain(self) {
        for (_, running) in self.running {
            running.cancel.cancel();
            if let Err(error) = running.task.await {
                tracing::error!(%error, "an environment's task broke off");
            }
        }
    }
}
