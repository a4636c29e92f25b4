//! Kubernetes Events about our custom resources, without repetition.
//!
//! The same sentence about the same object within ten minutes is not written again. Events are for people who look; when
//! one cannot be written, the work goes on.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    CallError, Cluster, Facts,
    answer::{Ask, Failure, JSON},
    resource::escape_into,
};

/// For so long a sentence is not repeated.
const QUIET: Duration = Duration::from_secs(600);
/// No more sentences than this are remembered; a few bytes each.
const REMEMBERED: usize = 4096;
/// What the API server takes of a note.
const LONGEST_NOTE: usize = 1024;
const PATH: &str = "/apis/events.k8s.io/v1/namespaces/";

/// Writes Events in the name of this agent.
pub struct Events {
    cluster: Cluster,
    instance: String,
    hasher: RandomState,
    written: Mutex<HashMap<u64, Instant>>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event<'a> {
    /// Whether somebody should do something about it.
    pub warning: bool,
    /// Why, one word of a closed set: `DriftRepaired`.
    pub reason: &'a str,
    /// What was done, one word: `Apply`.
    pub action: &'a str,
    /// A sentence for people. Never with the value of a Secret.
    pub note: &'a str,
}

impl Events {
    /// For the agent called `instance`, the name of its pod.
    pub fn new(cluster: Cluster, instance: &str) -> Self {
        Self {
            cluster,
            instance: instance.to_owned(),
            hasher: RandomState::new(),
            written: Mutex::default(),
        }
    }

    /// Writes an Event about an object, unless it was written a moment ago. Returns whether it was.
    pub async fn publish(&self, about: &Facts, event: Event<'_>) -> Result<bool, CallError> {
        let key = self.hasher.hash_one((&about.uid, event));
        if !self.is_new(key, Instant::now()) {
            return Ok(false);
        }
        match self.write(about, event).await {
            Ok(()) => Ok(true),
            Err(error) => {
                // It is as new as before.
                self.written
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .remove(&key);
                Err(error)
            }
        }
    }

    async fn write(&self, about: &Facts, event: Event<'_>) -> Result<(), CallError> {
        let namespace = match about.id.namespace.as_str() {
            "" => "default",
            namespace => namespace,
        };
        let mut path = PATH.to_owned();
        escape_into(&mut path, namespace);
        path.push_str("/events");
        let body = self
            .document(about, event, namespace)
            .to_string()
            .into_bytes();
        let ask = Ask {
            method: Method::POST,
            path,
            accept: JSON,
            body: Some((JSON, body)),
            about: &"Event",
        };
        self.cluster
            .ask(ask)
            .await
            .map(drop)
            .map_err(Failure::plain)
    }

    fn document(&self, about: &Facts, event: Event<'_>, namespace: &str) -> Value {
        let now = Timestamp::now();
        let group = &about.id.group;
        let api_version = if group.is_empty() {
            about.version.clone()
        } else {
            format!("{group}/{}", about.version)
        };
        json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": format!("{}.{:x}", cut(&about.id.name, 230), now.as_nanosecond()),
                "namespace": namespace,
            },
            "eventTime": format!("{now:.6}"),
            "reportingController": api::names::GROUP,
            "reportingInstance": cut(&self.instance, 128),
            "regarding": {
                "apiVersion": api_version,
                "kind": about.id.kind,
                "namespace": about.id.namespace,
                "name": about.id.name,
                "uid": about.uid,
                "resourceVersion": about.resource_version,
            },
            "type": if event.warning { "Warning" } else { "Normal" },
            "reason": cut(event.reason, 128),
            "action": cut(event.action, 128),
            "note": cut(event.note, LONGEST_NOTE),
        })
    }

    /// Remembers a sentence; false if it is remembered already.
    fn is_new(&self, key: u64, now: Instant) -> bool {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written
            .get(&key)
            .is_some_and(|at| now.duration_since(*at) < QUIET)
        {
            return false;
        }
        if written.len() >= REMEMBERED {
            written.retain(|_, at| now.duration_since(*at) < QUIET);
        }
        if written.len() >= REMEMBERED {
            written.clear();
        }
        written.insert(key, now);
        true
    }
}

/// At most `most` bytes of `text`, whole characters.
fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
