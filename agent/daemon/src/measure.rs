//! Asks for the numbers that a rollout is judged by: Prometheus and other HTTP servers.
//!
//! An answer is carried, never judged: what a number means, or what its absence means, is `rollout`'s to say.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use rollout::{
    judge::{
        Missing, Numbers, Reading,
        query::{Query, Subject, query},
    },
    strategy::{Metric, Source},
};
use serde_json::{Value, json};

use crate::checks::Named;

mod prometheus;
mod web;

/// No server may take longer to say a number.
const TIMEOUT: Duration = Duration::from_secs(10);
/// More than any number takes.
const LARGEST: usize = 1 << 20;

/// Asks servers; clones share connections.
#[derive(Clone)]
pub(crate) struct Measures {
    client: reqwest::Client,
    /// Where Prometheus is, for queries that do not say.
    prometheus: Option<Arc<str>>,
}

/// Whose numbers are asked for, and in the course of what.
#[derive(Clone, Debug)]
pub(crate) struct Versions {
    /// The namespaces of the new version and of the old one; mostly the same.
    pub(crate) namespaces: (String, String),
    /// The workload's and its Service's name, of the new version and of the old one.
    pub(crate) canary: (String, String),
    pub(crate) stable: (String, String),
    /// When the rollout began.
    pub(crate) began: Timestamp,
    /// What an HTTP server is told of the rollout.
    pub(crate) about: Value,
    /// The HTTP checks of the Environment.
    pub(crate) checks: Arc<Named>,
}

impl Measures {
    /// `prometheus` is the address for queries that name none.
    pub(crate) fn new(prometheus: Option<&str>) -> Self {
        let client = reqwest::Client::builder().timeout(TIMEOUT).build();
        Self {
            client: client.expect("a client, because nothing in it can be refused"),
            prometheus: prometheus.map(Arc::from),
        }
    }

    /// Asks for `metric` now.
    pub(crate) async fn ask(&self, metric: &Metric, versions: &Versions, at: Timestamp) -> Reading {
        match &metric.from {
            Source::Web(web) => web::ask(&self.client, web, &versions.about).await,
            Source::Template(template) => {
                let address = template.address.as_deref();
                self.query(metric, versions, address, at).await
            }
            Source::Prometheus(own) => {
                self.query(metric, versions, own.address.as_deref(), at)
                    .await
            }
            Source::Synthetic(name) => versions.checks.ask(name).await,
            Source::Job(_) => nothing("is a Job, and no server is asked for it"),
        }
    }

    async fn query(
        &self,
        metric: &Metric,
        versions: &Versions,
        address: Option<&str>,
        at: Timestamp,
    ) -> Reading {
        let of = |names: &(String, String), namespace: &str| {
            let (workload, service) = names;
            let subject = Subject {
                namespace,
                workload,
                service,
                longest: at.duration_since(versions.began).try_into().ok(),
            };
            query(metric, subject)
        };
        let Some(canary) = of(&versions.canary, &versions.namespaces.0) else {
            return nothing("is no query");
        };
        let Some(address) = address.or(self.prometheus.as_deref()) else {
            return nothing(
                "no Prometheus is known; give the agent --prometheus, or the metric an address",
            );
        };
        let stable = of(&versions.stable, &versions.namespaces.1).filter(|_| metric.compares());
        let server = prometheus::Server {
            client: &self.client,
            address,
            at,
        };
        Reading {
            query: canary.number.clone(),
            answer: both(&server, &canary, stable.as_ref()).await,
            log: Vec::new(),
        }
    }
}

/// The numbers of both versions, at the same moment.
async fn both(
    server: &prometheus::Server<'_>,
    canary: &Query,
    stable: Option<&Query>,
) -> Result<Numbers, Missing> {
    let mut numbers = Numbers {
        canary: server.number(&canary.number).await?,
        canary_samples: optional(server, canary.samples.as_deref()).await?,
        ..Numbers::default()
    };
    if let Some(stable) = stable {
        numbers.stable = Some(server.number(&stable.number).await?);
        numbers.stable_samples = optional(server, stable.samples.as_deref()).await?;
    }
    Ok(numbers)
}

async fn optional(
    server: &prometheus::Server<'_>,
    query: Option<&str>,
) -> Result<Option<f64>, Missing> {
    match query {
        Some(query) => Ok(Some(server.number(query).await?)),
        None => Ok(None),
    }
}

fn nothing(why: &str) -> Reading {
    Reading {
        query: String::new(),
        answer: Err(Missing::Error(why.to_owned())),
        log: Vec::new(),
    }
}

/// The body of `answer`, as JSON.
async fn body(answer: reqwest::Result<reqwest::Response>) -> Result<Value, Missing> {
    let mut answer = answer.map_err(|error| fault(&error))?;
    let status = answer.status();
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| fault(&error))? {
        if bytes.len() + chunk.len() > LARGEST {
            return Err(Missing::Error(format!(
                "the answer is larger than {LARGEST} bytes"
            )));
        }
        bytes.extend_from_slice(&chunk);
    }
    let value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(value);
    }
    let said = value["error"].as_str().unwrap_or_default();
    Err(Missing::Error(
        format!("answered {status} {said}").trim_end().to_owned(),
    ))
}

/// Without the address: it may hold a password.
fn fault(error: &reqwest::Error) -> Missing {
    match error.is_timeout() {
        true => Missing::Timeout,
        false if error.is_connect() => Missing::Error("cannot connect".to_owned()),
        false => Missing::Error("the answer broke off".to_owned()),
    }
}

/// What an HTTP server is told of a rollout.
pub(crate) fn about(environment: &str, release: &str, revision: &str, weight: u8) -> Value {
    json!({ "environment": environment, "release": release, "revision": revision, "weight": weight })
}
