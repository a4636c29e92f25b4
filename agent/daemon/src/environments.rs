//! Which Environments there are, and one actor for each that falls to this replica.
//!
//! Which those are is not known here.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use api::v1alpha1::Environment;
use cluster::{lease::Fence, store::EnvironmentEvent};
use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    actor::Actor, context::Context, key::EnvironmentKey, pass::removal::has_finalizer, strays,
};

/// How long an Environment rests whose actor broke off, which is a fault of ours and would happen again at once.
const REST: Duration = Duration::from_secs(10);

/// All Environments, and the actors of some.
pub(crate) struct Environments {
    context: Arc<Context>,
    /// The same behind the fence of those that were begun last. One for all of them: it has clients of its own.
    fenced: Option<Arc<Context>>,
    known: BTreeMap<EnvironmentKey, Arc<Environment>>,
    /// Those of the known that may have changed, or gone, without our having heard of it.
    doubted: BTreeSet<EnvironmentKey>,
    running: BTreeMap<EnvironmentKey, Running>,
    ends: FuturesUnordered<BoxFuture<'static, EnvironmentKey>>,
}

/// What became of an Environment.
pub(crate) enum Change {
    /// It is there.
    There(EnvironmentKey),
    /// Another one of the same name took its place.
    Replaced(EnvironmentKey),
    /// It is no more.
    Gone(EnvironmentKey),
}

struct Running {
    context: Arc<Context>,
    wanted: watch::Sender<Arc<Environment>>,
    cancel: CancellationToken,
}

impl Environments {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self {
            context,
            fenced: None,
            known: BTreeMap::new(),
            doubted: BTreeSet::new(),
            running: BTreeMap::new(),
            ends: FuturesUnordered::new(),
        }
    }

    /// Counts nothing as known until it is shown again. Returns what is doubted.
    pub(crate) fn doubt(&mut self) -> impl Iterator<Item = &EnvironmentKey> {
        self.doubted = self.known.keys().cloned().collect();
        self.doubted.iter()
    }

    /// False while something is doubted.
    pub(crate) fn is_sure(&self) -> bool {
        self.doubted.is_empty()
    }

    /// Takes in what the cluster says.
    pub(crate) fn take_in(&mut self, event: EnvironmentEvent) -> Vec<Change> {
        match event {
            EnvironmentEvent::Present(environment) => vec![self.present(*environment)],
            EnvironmentEvent::Gone { namespace, name } => {
                vec![self.gone(EnvironmentKey { namespace, name })]
            }
            EnvironmentEvent::Malformed {
                namespace,
                name,
                message,
            } => {
                tracing::warn!(namespace, name, error = %message, "an Environment cannot be read");
                vec![self.forget(EnvironmentKey { namespace, name })]
            }
            EnvironmentEvent::Synced => {
                let gone = std::mem::take(&mut self.doubted).into_iter();
                gone.map(|key| self.gone(key)).collect()
            }
        }
    }

    /// Begins to care for `key`, for as long as `fence` holds. False if there is no such Environment.
    pub(crate) fn start(&mut self, key: &str, fence: &Fence) -> bool {
        let key = EnvironmentKey::parse(key);
        let Some(environment) = self.known.get(&key) else {
            return false;
        };
        let environment = environment.clone();
        let context = self.fenced(fence);
        self.context.claims.saw(&environment, true);
        let (wanted, receiver) = watch::channel(environment);
        let cancel = CancellationToken::new();
        let actor = Actor::new(key.clone(), context.clone(), receiver, cancel.clone());
        let task = self.context.tracker.spawn(Box::new(actor).run());
        let running = Running {
            context,
            wanted,
            cancel,
        };
        self.running.insert(key.clone(), running);
        self.ends.push(Box::pin(async move {
            if let Err(error) = task.await {
                tracing::error!(environment = %key, %error, "an environment's task broke off");
                sleep(REST).await;
            }
            key
        }));
        true
    }

    /// Tells whoever cares for `key` to stop.
    pub(crate) fn stop(&mut self, key: &str) {
        if let Some(running) = self.running.get(&EnvironmentKey::parse(key)) {
            running.cancel.cancel();
        }
    }

    /// Waits until one has stopped.
    pub(crate) async fn ended(&mut self) -> EnvironmentKey {
        let Some(key) = self.ends.next().await else {
            return std::future::pending().await;
        };
        self.running.remove(&key);
        self.context.registry.let_go(&key);
        self.context.claims.let_go(&key);
        match self.known.get(&key) {
            // What was said of it last may be about a namesake that is no more.
            Some(environment) => self.context.registry.saw(&key, environment),
            None => self.context.claims.lost(&key),
        }
        self.context.metrics.forget(&key);
        key
    }

    /// The context behind `fence`.
    pub(crate) fn fenced(&mut self, fence: &Fence) -> Arc<Context> {
        let last = self.fenced.take().filter(|last| last.fence.is(fence));
        let context = last.unwrap_or_else(|| Arc::new(self.context.fenced(fence)));
        self.fenced.insert(context).clone()
    }

    /// How many are cared for here.
    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }

    fn present(&mut self, environment: Environment) -> Change {
        let key = EnvironmentKey::of(&environment);
        self.context.registry.saw(&key, &environment);
        let going = environment.metadata.deletion_timestamp.is_some();
        if going && !has_finalizer(&environment) {
            // Nothing is left to do; its end will be told.
            return self.forget(key);
        }
        self.context.claims.saw(&environment, false);
        let environment = Arc::new(environment);
        let same = |known: &Arc<Environment>| known.metadata.uid == environment.metadata.uid;
        if !self.known.get(&key).is_none_or(same) {
            // It was deleted and made again before we looked.
            self.tidy(&key);
            self.known.insert(key.clone(), environment);
            self.doubted.remove(&key);
            return Change::Replaced(key);
        }
        self.known.insert(key.clone(), environment.clone());
        self.doubted.remove(&key);
        if let Some(running) = self.running.get(&key) {
            running.wanted.send_replace(environment);
        }
        Change::There(key)
    }

    /// The Environment no longer exists; nor is its inventory needed.
    fn tidy(&self, key: &EnvironmentKey) {
        let uid = self
            .known
            .get(key)
            .and_then(|known| known.metadata.uid.clone());
        if let (Some(running), Some(uid)) = (self.running.get(key), uid) {
            let stray = strays::collect_of(running.context.clone(), key.clone(), uid);
            self.context.tracker.spawn(stray);
        }
    }

    fn gone(&mut self, key: EnvironmentKey) -> Change {
        self.tidy(&key);
        self.forget(key)
    }

    /// Ends caring for it.
    fn forget(&mut self, key: EnvironmentKey) -> Change {
        self.known.remove(&key);
        self.doubted.remove(&key);
        self.context.registry.lost(&key);
        self.context.claims.lost(&key);
        Change::Gone(key)
    }
}
