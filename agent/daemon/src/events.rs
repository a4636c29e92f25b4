//! Events about Environments, without repetition.
//!
//! They are put into a queue and sent by tasks of their own: an API server that takes long over an event, or refuses it,
//! costs that event and nothing else. What there is to tell is not known here.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use api::v1alpha1::Environment;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client, Resource as _,
    runtime::events::{Event as Published, EventType, Recorder, Reporter},
};
use tokio::{sync::mpsc, time::Instant, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{key::EnvironmentKey, metrics::Metrics, report::Event};

/// How long the same event is not told again.
const QUIET: Duration = Duration::from_mins(10);
/// The API server refuses longer notes.
const LONGEST_NOTE: usize = 1000;
/// Events of one Environment go through the same queue, in order; those of others mostly through another one.
const QUEUES: usize = 4;
/// What may wait in each.
const WAITING: usize = 256;
/// How long the last ones may take when the process ends.
const LAST: Duration = Duration::from_secs(2);

/// Puts events into the queues and remembers the last ones.
#[derive(Clone)]
pub(crate) struct Events {
    client: Client,
    reporter: Reporter,
    told: Arc<Mutex<BTreeMap<(EnvironmentKey, String), Instant>>>,
    queues: Arc<[mpsc::Sender<Waiting>]>,
    metrics: Arc<Metrics>,
}

/// The other ends of the queues.
pub(crate) struct Outbox(Vec<mpsc::Receiver<Waiting>>);

/// One event on its way.
struct Waiting {
    recorder: Recorder,
    about: ObjectReference,
    event: Published,
}

impl Events {
    pub(crate) fn new(client: Client, instance: &str, metrics: Arc<Metrics>) -> (Self, Outbox) {
        let reporter = Reporter {
            controller: "driftless".to_owned(),
            instance: Some(instance.to_owned()),
        };
        let (queues, outbox): (Vec<_>, Vec<_>) =
            (0..QUEUES).map(|_| mpsc::channel(WAITING)).unzip();
        let events = Self {
            client,
            reporter,
            told: Arc::default(),
            queues: queues.into(),
            metrics,
        };
        (events, Outbox(outbox))
    }

    /// The same, sent through `client`.
    pub(crate) fn by(&self, client: Client) -> Self {
        Self {
            client,
            ..self.clone()
        }
    }

    /// Sees to it that `event` is told soon, unless the same was told a short while ago. Waits for nothing: where the
    /// queue is full, the event is dropped and counted.
    pub(crate) fn publish(&self, environment: &Environment, event: &Event) {
        let note: String = event.message.chars().take(LONGEST_NOTE).collect();
        let environment_key = EnvironmentKey::of(environment);
        let queue = self.queue(&environment_key);
        let key = (environment_key, format!("{} {note}", event.reason));
        if !self.is_news(key) {
            return;
        }
        let published = Published {
            type_: if event.warning {
                EventType::Warning
            } else {
                EventType::Normal
            },
            reason: event.reason.as_str().to_owned(),
            note: Some(note),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        let waiting = Waiting {
            // One of its own: a recorder takes what has the same reason for the same event, and keeps the first words.
            recorder: Recorder::new(self.client.clone(), self.reporter.clone()),
            about: environment.object_ref(&()),
            event: published,
        };
        if queue.try_send(waiting).is_err() {
            self.metrics.event_dropped();
        }
    }

    fn queue(&self, key: &EnvironmentKey) -> &mpsc::Sender<Waiting> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(key);
        let place = usize::try_from(hash % QUEUES as u64).unwrap_or(0);
        &self.queues[place]
    }

    fn is_news(&self, key: (EnvironmentKey, String)) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, at| at.elapsed() < QUIET);
        told.insert(key, Instant::now()).is_none()
    }
}

impl Outbox {
    /// Sends what comes, until `end`; then what is left, for a short while.
    pub(crate) async fn run(self, end: CancellationToken) {
        let queues = self.0.into_iter().map(|queue| send(queue, &end));
        futures::future::join_all(queues).await;
    }
}

async fn send(mut queue: mpsc::Receiver<Waiting>, end: &CancellationToken) {
    let next = async |queue: &mut mpsc::Receiver<Waiting>| {
        let waiting = queue.recv().await?;
        let published = waiting.recorder.publish(&waiting.event, &waiting.about);
        if let Err(error) = published.await {
            tracing::debug!(%error, "could not publish an event");
        }
        Some(())
    };
    let all = async { while next(&mut queue).await.is_some() {} };
    tokio::select! {
        () = all => return,
        () = end.cancelled() => {}
    }
    queue.close();
    let rest = async { while next(&mut queue).await.is_some() {} };
    if timeout(LAST, rest).await.is_err() {
        tracing::debug!("the last events were not taken in time");
    }
}
