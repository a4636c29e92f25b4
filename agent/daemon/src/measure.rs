//! Asks for the numbers that a rollout is judged by: Prometheus and other HTTP servers.
//!
//! An answer is carried, never judged: what a number means, or what its absence means, is `rollout`'s to say.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use reqwest::{Client, Url, redirect::Policy};
use rollout::{
    judge::{
        Missing, Numbers, Reading,
        query::{Query, Subject, query},
    },
    strategy::{Metric, Source},
};
use serde_json::{Value, json};

use crate::{
    checks::Named,
    reach::{NOWHERE, Reach},
};

mod prometheus;
mod web;

/// No server may take longer to say a number.
const TIMEOUT: Duration = Duration::from_secs(10);
/// More than any number takes.
const LARGEST: usize = 1 << 20;

/// Asks servers; clones share connections.
#[derive(Clone)]
pub(crate) struct Measures {
    /// For what a Strategy names.
    client: Client,
    reach: Reach,
    /// Where Prometheus is, for queries that do not say, and who asks it: whoever runs the agent may say anything.
    prometheus: Option<Arc<str>>,
    trusted: Client,
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
    /// `prometheus` is the address for queries that name none; `loopback` lets a Strategy have this very machine asked.
    pub(crate) fn new(prometheus: Option<&str>, loopback: bool) -> Self {
        let reach = Reach { loopback };
        let client = || Client::builder().timeout(TIMEOUT);
        let named = client()
            .no_proxy()
            .redirect(Policy::none())
            .dns_resolver(Arc::new(reach));
        let built = |client: reqwest::ClientBuilder| {
            let client = client.build();
            client.expect("a client, because nothing in it can be refused")
        };
        Self {
            client: built(named),
            reach,
            prometheus: prometheus.map(Arc::from),
            trusted: built(client()),
        }
    }

    /// Why what a Strategy names may not be asked.
    fn refuses(&self, url: &str) -> Option<Reading> {
        let url = Url::parse(url).ok()?;
        let allowed = |host: &str| self.reach.allows_host(host);
        (!url.host_str().is_some_and(allowed)).then(|| nothing(NOWHERE))
    }

    /// Asks for `metric` now.
    pub(crate) async fn ask(&self, metric: &Metric, versions: &Versions, at: Timestamp) -> Reading {
        match &metric.from {
            Source::Web(web) => match self.refuses(&web.url) {
                Some(refused) => refused,
                None => web::ask(&self.client, web, &versions.about).await,
            },
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
        let (client, address) = match (address, self.prometheus.as_deref()) {
            (Some(named), _) => match self.refuses(named) {
                Some(refused) => return refused,
                None => (&self.client, named),
            },
            (None, Some(known)) => (&self.trusted, known),
            (None, None) => {
                return nothing(
                    "no Prometheus is known; give the agent --prometheus, or the metric an address",
                );
            }
        };
        let stable = of(&versions.stable, &versions.namespaces.1).filter(|_| metric.compares());
        let server = prometheus::Server {
            client,
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

#[cfg(test)]
mod tests {
    use rollout::{Interval, strategy::analysis::Web};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    fn metric(url: String) -> Metric {
        Metric {
            name: "score".to_owned(),
            from: Source::Web(Web {
                url,
                pointer: String::new(),
                timeout: Interval::seconds(5),
            }),
            max: Some(1.0),
            min: None,
            compare: None,
            condition: None,
            min_samples: 0,
        }
    }

    fn versions() -> Versions {
        let names = || (String::new(), String::new());
        Versions {
            namespaces: names(),
            canary: names(),
            stable: names(),
            began: Timestamp::UNIX_EPOCH,
            about: Value::Null,
            checks: Arc::default(),
        }
    }

    async fn asked(loopback: bool, url: String) -> Result<Numbers, Missing> {
        let (measures, metric) = (Measures::new(None, loopback), metric(url));
        let at = Timestamp::UNIX_EPOCH;
        measures.ask(&metric, &versions(), at).await.answer
    }

    #[tokio::test]
    async fn a_strategy_leads_nobody_to_this_machine() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let refused = asked(false, format!("http://127.0.0.1:{port}")).await;
        assert_eq!(refused, Err(Missing::Error(NOWHERE.to_owned())));
        // What a name leads to is known only once it is asked for.
        let named = asked(false, format!("http://localhost:{port}")).await;
        assert!(matches!(named, Err(Missing::Error(_))), "{named:?}");
        let knocked = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(knocked.is_err(), "somebody came");
    }

    #[tokio::test]
    async fn a_server_leads_nobody_anywhere_else() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let elsewhere = url.clone();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 1024];
            let _ = stream.read(&mut asked).await.unwrap();
            let answer = format!(
                "HTTP/1.1 307 Temporary Redirect\r\nlocation: {elsewhere}/secret\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            drop(stream);
            tokio::time::timeout(Duration::from_millis(50), listener.accept()).await
        });
        let answer = asked(true, url).await;
        assert!(matches!(answer, Err(Missing::Error(_))), "{answer:?}");
        assert!(server.await.unwrap().is_err(), "it was followed");
    }
}
