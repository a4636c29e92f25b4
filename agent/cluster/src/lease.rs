//! Who of several agents acts: the one that holds a Lease.
//!
//! Whether a holder is alive is judged by our own clock, from when we last saw the Lease change; no clocks are compared.
//! A holder trusts its Lease for less time than the others wait, counted from before it asked, so a holder that was
//! frozen finds its [`Fence`] closed when it wakes up.

use std::sync::Arc;

use futures::{Stream, StreamExt as _};
use http::Method;
use jiff::Timestamp;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    CallError, Cluster, Resource, Watched,
    answer::{Ask, Failure, JSON},
    live::Part,
    read::Selection,
};

mod election;
mod state;

pub use election::{Election, Leadership};

use election::lease_resource;
use state::{Reading, Seen, State, Write};

/// Keeps trying to hold the Lease; see [`Elector::run`].
pub struct Elector {
    cluster: Cluster,
    resource: Resource,
    election: Arc<Election>,
    state: State,
    leadership: watch::Sender<Leadership>,
}

/// Says whether we lead. To be asked before every write.
#[derive(Clone, Debug)]
pub struct Fence {
    leadership: watch::Receiver<Leadership>,
}

/// We do not lead (any more), so nothing may be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this agent does not hold the Lease; {} does", holder.as_deref().unwrap_or("nobody known"))]
pub struct NotLeader {
    /// Who does, as far as is known.
    pub holder: Option<String>,
}

/// An elector, and what it says to everybody who asks.
pub fn elector(cluster: &Cluster, election: Election) -> (Elector, Fence) {
    let (sender, receiver) = watch::channel(Leadership::default());
    let election = Arc::new(election);
    let elector = Elector {
        cluster: cluster.clone(),
        resource: lease_resource(),
        state: State::new(election.clone(), Instant::now()),
        election,
        leadership: sender,
    };
    (
        elector,
        Fence {
            leadership: receiver,
        },
    )
}

impl Elector {
    /// Takes part in the election until `stop`, then gives the Lease back at once.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut events = std::pin::pin!(self.events());
        loop {
            let due = self.state.due();
            tokio::select! {
                () = &mut stop => break,
                Some(event) = events.next() => self.observe(event),
                () = sleep_until(due) => self.attempt().await,
            }
            self.tell();
        }
        self.release().await;
    }

    fn observe(&mut self, event: Watched) {
        if let Watched::Failed(error) = &event {
            tracing::warn!(lease = self.election.name, %error, "cannot watch the Lease; trying again");
        }
        self.state.observe(event, Instant::now());
    }

    /// A watch of this one Lease, so that its release is seen at once.
    fn events(&self) -> impl Stream<Item = Watched> + Send + use<> {
        let selection = Selection {
            namespace: Some(self.election.namespace.clone()),
            labels: String::new(),
            fields: format!("metadata.name={}", self.election.name),
        };
        self.cluster.follow(&self.resource, selection, Part::Whole)
    }

    async fn attempt(&mut self) {
        // Counted from before asking, so that the answer's way never adds to our time.
        let asked = Instant::now();
        let write = self.state.write(Timestamp::now());
        match self.send(&write).await {
            Ok(seen) => self.state.written(seen, asked),
            Err(Some(Refused::Stale)) => {
                let now = self.read().await;
                self.state.refused(now, Instant::now());
            }
            Err(Some(Refused::Other(error))) => {
                tracing::warn!(lease = self.election.name, %error, "cannot write the Lease; trying again");
                self.state.failed(Instant::now());
            }
            Err(None) => self.state.failed(Instant::now()),
        }
    }

    async fn release(&mut self) {
        if let Some(write) = self.state.release(Timestamp::now()) {
            self.leadership.send_replace(Leadership::default());
            if self.send(&write).await.is_err() {
                tracing::warn!(
                    lease = self.election.name,
                    "could not give the Lease back; it will run out"
                );
            }
        }
    }

    fn tell(&self) {
        let now = self.state.leadership();
        self.leadership.send_if_modified(|old| {
            let changed = *old != now;
            *old = now;
            changed
        });
    }

    async fn send(&self, write: &Write) -> Result<Seen, Option<Refused>> {
        let Election {
            namespace, name, ..
        } = &*self.election;
        let (method, path) = match write.create {
            true => (Method::POST, self.resource.collection_path(Some(namespace))),
            false => (Method::PUT, self.resource.object_path(namespace, name)),
        };
        let body = Some((JSON, write.body.to_string().into_bytes()));
        let ask = Ask {
            method,
            path,
            accept: JSON,
            body,
            about: &self.resource.gvk,
        };
        match timeout(self.election.ttl / 3, self.cluster.ask(ask)).await {
            Err(_) => Err(None),
            Ok(Ok(answer)) => {
                let lease = answer.json().map_err(|error| Some(Refused::Other(error)))?;
                let garbage = || Refused::Other(CallError::Garbage("it is no Lease".into()));
                Seen::read(&lease, Instant::now())
                    .ok_or_else(garbage)
                    .map_err(Some)
            }
            Ok(Err(Failure::Refused(status))) if matches!(status.code, 404 | 409) => {
                Err(Some(Refused::Stale))
            }
            Ok(Err(failure)) => Err(Some(Refused::Other(failure.plain()))),
        }
    }

    async fn read(&self) -> Reading {
        let Election {
            namespace,
            name,
            ttl,
            ..
        } = &*self.election;
        match timeout(*ttl / 3, self.cluster.get(&self.resource, namespace, name)).await {
            Ok(Ok(Some(lease))) => Reading::There(lease),
            Ok(Ok(None)) => Reading::Missing,
            Ok(Err(_)) | Err(_) => Reading::Unknown,
        }
    }
}

/// Why the Lease was not written.
enum Refused {
    /// It is not as we thought.
    Stale,
    Other(CallError),
}

impl Fence {
    /// Fails unless we lead at this moment.
    pub fn check(&self) -> Result<(), NotLeader> {
        let leadership = self.leadership.borrow();
        match leadership
            .valid_until
            .is_some_and(|until| Instant::now() < until)
        {
            true => Ok(()),
            false => Err(NotLeader {
                holder: leadership.holder.clone(),
            }),
        }
    }

    /// True if we lead at this moment.
    pub fn holds(&self) -> bool {
        self.check().is_ok()
    }

    /// What is known, for status pages.
    pub fn leadership(&self) -> Leadership {
        self.leadership.borrow().clone()
    }

    /// Waits until we lead. Never returns once the elector has ended.
    pub async fn gained(&mut self) {
        while !self.holds() {
            if self.leadership.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until we lead no more.
    pub async fn lost(&mut self) {
        loop {
            let until = self.leadership.borrow_and_update().valid_until;
            let Some(until) = until.filter(|until| Instant::now() < *until) else {
                return;
            };
            tokio::select! {
                () = sleep_until(until) => {}
                changed = self.leadership.changed() => if changed.is_err() { return },
            }
        }
    }
}
