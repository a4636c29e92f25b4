//! Events about Environments, without repetition.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use api::v1alpha1::Environment;
use kube::{
    Client, Resource as _,
    runtime::events::{Event as Published, EventType, Recorder, Reporter},
};
use tokio::time::Instant;

use crate::{key::EnvironmentKey, report::Event};

/// How long the same event is not told again.
const QUIET: Duration = Duration::from_mins(10);
/// The API server refuses longer notes.
const LONGEST_NOTE: usize = 1000;

/// Publishes events and remembers the last ones.
#[derive(Clone)]
pub(crate) struct Events {
    recorder: Recorder,
    reporter: Reporter,
    told: Arc<Mutex<BTreeMap<(EnvironmentKey, String), Instant>>>,
}

impl Events {
    pub(crate) fn new(client: Client, instance: &str) -> Self {
        let reporter = Reporter {
            controller: "driftless".to_owned(),
            instance: Some(instance.to_owned()),
        };
        Self {
            recorder: Recorder::new(client, reporter.clone()),
            reporter,
            told: Arc::default(),
        }
    }

    /// The same, published through `client`.
    pub(crate) fn by(&self, client: Client) -> Self {
        Self {
            recorder: Recorder::new(client, self.reporter.clone()),
            ..self.clone()
        }
    }

    /// Publishes `event`, unless the same was told a short while ago.
    pub(crate) async fn publish(&self, environment: &Environment, event: &Event) {
        let note: String = event.message.chars().take(LONGEST_NOTE).collect();
        let key = (
            EnvironmentKey::of(environment),
            format!("{} {note}", event.reason),
        );
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
        if let Err(error) = self
            .recorder
            .publish(&published, &environment.object_ref(&()))
            .await
        {
            tracing::debug!(%error, "could not publish an event");
        }
    }

    fn is_news(&self, key: (EnvironmentKey, String)) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, at| at.elapsed() < QUIET);
        told.insert(key, Instant::now()).is_none()
    }
}
