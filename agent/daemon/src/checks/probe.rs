//! One run of a check: asks, and holds the answer against what is expected.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
};

use api::v1alpha1::HttpCheck;
use cluster::Cluster;
use reqwest::{
    Certificate, Client, ClientBuilder, Method, Response, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
    tls::TlsInfo,
};
use rollout::synthetic::{Answer, Header, Method as Asked};
use tokio::time::Instant;
use x509_parser::{parse_x509_certificate, time::ASN1Time};

use super::held::{Held, Values, takes_any};
use crate::{
    checked::Found,
    key::EnvironmentKey,
    metrics::Metrics,
    reach::{NOWHERE, Reach},
};

/// How much of a body is looked at.
const LARGEST: usize = 1 << 20;

/// Who runs checks for an environment. Clones share what they have read.
#[derive(Clone)]
pub(crate) struct Probe {
    pub(crate) key: EnvironmentKey,
    pub(crate) cluster: Cluster,
    pub(crate) metrics: Arc<Metrics>,
    pub(super) visitor: Visitor,
    /// What each check has taken from the cluster.
    held: Arc<Mutex<BTreeMap<String, Held>>>,
}

/// Who asks servers, for all environments.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(super) client: Client,
    reach: Reach,
}

impl Visitor {
    /// `loopback` lets it ask this very machine.
    pub(crate) fn new(loopback: bool) -> Self {
        let reach = Reach { loopback };
        let built = client(reach).build();
        Self {
            client: built.expect("a client, because nothing in it can be refused"),
            reach,
        }
    }

    /// The same visitor, who believes servers with certificates of `trusted` only.
    pub(super) fn trusting(&self, trusted: Vec<Certificate>) -> reqwest::Result<Client> {
        client(self.reach).tls_certs_only(trusted).build()
    }
}

fn client(reach: Reach) -> ClientBuilder {
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        // Every run is a visitor of its own, with a connection of its own.
        .pool_max_idle_per_host(0)
        .tls_info(true)
        .dns_resolver(Arc::new(reach))
        .user_agent(concat!("driftless/", env!("CARGO_PKG_VERSION")))
}

impl Probe {
    pub(crate) fn new(
        key: EnvironmentKey,
        cluster: Cluster,
        metrics: Arc<Metrics>,
        visitor: Visitor,
    ) -> Self {
        Self {
            key,
            cluster,
            metrics,
            visitor,
            held: Arc::default(),
        }
    }

    /// Runs `check` once and counts it.
    pub(crate) async fn run(&self, check: &HttpCheck) -> Found {
        let mut found = self.try_once(check).await;
        // What it has taken may have changed; then the fault says nothing. What could not be taken was tried just now.
        if found.fault.is_some()
            && takes_any(check)
            && let Some(before) = self.known(&check.name)
            && !before.is_fresh(self).await
        {
            self.forget(&check.name);
            if self
                .take(check)
                .await
                .is_ok_and(|now| !before.is_same(&now))
            {
                found = self.try_once(check).await;
            }
        }
        self.metrics.check(&self.key, &check.name, &found);
        found
    }

    async fn try_once(&self, check: &HttpCheck) -> Found {
        let began = Instant::now();
        let asked = tokio::time::timeout(check.timeout.duration(), self.ask(check)).await;
        let took = began.elapsed();
        let (fault, asked, certificate_days) = match asked {
            Err(_) => {
                let fault = format!("no answer within {}", check.timeout);
                (Some(fault), true, None)
            }
            Ok(Err(Unasked::Cannot(fault))) => (Some(fault), false, None),
            Ok(Err(Unasked::Failed(fault))) => (Some(fault), true, None),
            Ok(Ok((status, body, certificate_days))) => {
                let answer = Answer {
                    status,
                    body: &body,
                    took,
                    certificate_days,
                };
                (check.expect.against(&answer).err(), true, certificate_days)
            }
        };
        Found {
            fault,
            asked,
            took,
            certificate_days,
        }
    }

    async fn ask(&self, check: &HttpCheck) -> Result<(u16, Vec<u8>, Option<i64>), Unasked> {
        let url = self.url(&check.url).map_err(Unasked::Cannot)?;
        let held = self.take(check).await.map_err(Unasked::Cannot)?;
        let headers = headers(&check.headers, &held.headers).map_err(Unasked::Cannot)?;
        let request = held.client.request(method(check.method), url);
        let answer = request.headers(headers).send().await;
        let answer = answer.map_err(|error| Unasked::Failed(fault(&error)))?;
        let (status, days) = (answer.status().as_u16(), certificate_days(&answer));
        Ok((status, body(answer).await?, days))
    }

    fn url(&self, text: &str) -> Result<Url, String> {
        let url = Url::parse(text).map_err(|_| "its url is none".to_owned())?;
        let web = matches!(url.scheme(), "http" | "https");
        if !web || !url.username().is_empty() || url.password().is_some() {
            return Err(
                "its url has to be http:// or https://, without a user name or password".to_owned(),
            );
        }
        match url
            .host_str()
            .is_some_and(|host| self.visitor.reach.allows_host(host))
        {
            true => Ok(url),
            false => Err(NOWHERE.to_owned()),
        }
    }

    /// What `check` takes from the cluster: known already, or read.
    async fn take(&self, check: &HttpCheck) -> Result<Held, String> {
        if let Some(known) = self.known(&check.name) {
            return Ok(known);
        }
        let held = Held::read(self, check).await?;
        self.locked().insert(check.name.clone(), held.clone());
        Ok(held)
    }

    fn known(&self, name: &str) -> Option<Held> {
        self.locked().get(name).cloned()
    }

    /// Lets the check called `name` read what it takes anew.
    pub(super) fn forget(&self, name: &str) {
        self.locked().remove(name);
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why there is no answer.
enum Unasked {
    /// It could not be asked.
    Cannot(String),
    /// It was asked, and that failed.
    Failed(String),
}

fn method(asked: Asked) -> Method {
    match asked {
        Asked::Get => Method::GET,
        Asked::Head => Method::HEAD,
        Asked::Options => Method::OPTIONS,
        Asked::Post => Method::POST,
    }
}

/// Without their values in any error.
fn headers(wanted: &[Header], values: &Values) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for header in wanted {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let name = name.map_err(|_| format!("{:?} is no name of a header", header.name))?;
        let kept = header.secret.as_ref().and_then(|secret| values.get(secret));
        let plain = header.value.as_ref().map(String::as_bytes);
        let bytes = kept.map(Vec::as_slice).or(plain).unwrap_or_default();
        let value = HeaderValue::from_bytes(bytes.trim_ascii_end());
        let mut value = value.map_err(|_| format!("the value of header {name} is of no use"))?;
        value.set_sensitive(header.secret.is_some());
        headers.append(name, value);
    }
    Ok(headers)
}

async fn body(mut answer: Response) -> Result<Vec<u8>, Unasked> {
    let mut bytes = Vec::new();
    let broken = |error: reqwest::Error| Unasked::Failed(fault(&error));
    while let Some(chunk) = answer.chunk().await.map_err(broken)? {
        let room = LARGEST.saturating_sub(bytes.len());
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if bytes.len() >= LARGEST {
            break;
        }
    }
    Ok(bytes)
}

/// Days until the certificate that the server showed runs out; negative once it has.
fn certificate_days(answer: &Response) -> Option<i64> {
    let shown = answer.extensions().get::<TlsInfo>()?.peer_certificate()?;
    let (_, certificate) = parse_x509_certificate(shown).ok()?;
    let left = certificate.validity().not_after.timestamp() - ASN1Time::now().timestamp();
    Some(left.div_euclid(24 * 60 * 60))
}

/// What lies behind it, without the address.
fn fault(error: &reqwest::Error) -> String {
    let mut deepest: &dyn Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    let deepest = match error.source() {
        Some(_) => deepest.to_string(),
        None => "the connection broke off".to_owned(),
    };
    match error.is_connect() {
        true => format!("cannot connect: {deepest}"),
        false => deepest,
    }
}
