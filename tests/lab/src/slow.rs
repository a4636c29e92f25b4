//! Servers that are too slow: one that accepts everybody and answers nobody, and an admission webhook that lets everything
//! through after a while.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::git;

/// Accepts every connection on a loopback port, reads what comes and never says a word, until dropped.
#[derive(Debug)]
pub struct Silent {
    address: SocketAddr,
    open: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

/// An admission webhook that allows everything, each time after the same while, until dropped.
#[derive(Debug)]
pub struct SlowWebhook {
    address: SocketAddr,
    ca: String,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Silent {
    /// Listens.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, open) = (listener.local_addr()?, Arc::default());
        let task = tokio::spawn(listen(listener, Arc::clone(&open)));
        Ok(Self {
            address,
            open,
            task,
        })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many wait for a word at the moment.
    pub fn waiting(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, open: Arc<AtomicUsize>) {
    let mut all = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        all.spawn(hear_out(stream, open.clone()));
        // Those that hung up are let go.
        while all.try_join_next().is_some() {}
    }
}

/// Until whoever called hangs up.
async fn hear_out(mut stream: TcpStream, open: Arc<AtomicUsize>) {
    open.fetch_add(1, Ordering::Relaxed);
    let mut bytes = [0; 1024];
    while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
    open.fetch_sub(1, Ordering::Relaxed);
}

impl SlowWebhook {
    /// Listens, and takes `delay` for each answer.
    pub async fn start(delay: Duration) -> io::Result<Self> {
        let (tls, ca) = git::tls()?;
        let (tls, ca) = tls
            .zip(ca)
            .ok_or_else(|| io::Error::other("no certificate"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, asked) = (listener.local_addr()?, Arc::default());
        let task = tokio::spawn(serve(listener, tls, delay, Arc::clone(&asked)));
        Ok(Self {
            address,
            ca,
            asked,
            task,
        })
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// A `ValidatingWebhookConfiguration` that has it asked about what matches `rule`, with `more` fields of the webhook,
    /// such as selectors. What it does not answer in time is let through.
    pub fn configuration(&self, name: &str, rule: &Value, more: &Value) -> Value {
        let bundle = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            self.ca.as_bytes(),
        );
        let mut webhook = json!({
            "name": "slow.lab.example.com",
            "clientConfig": { "url": format!("https://{}/", self.address), "caBundle": bundle },
            "rules": [rule], "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "failurePolicy": "Ignore", "timeoutSeconds": 30,
        });
        if let (Some(webhook), Some(more)) = (webhook.as_object_mut(), more.as_object()) {
            webhook.extend(more.clone());
        }
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": { "name": name }, "webhooks": [webhook],
        })
    }
}

impl Drop for SlowWebhook {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, delay: Duration, asked: Arc<AtomicUsize>) {
    let mut all = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, asked) = (tls.clone(), asked.clone());
        all.spawn(async move {
            let service = service_fn(|request| review(request, delay, &asked));
            if let Ok(stream) = tls.accept(stream).await {
                // A caller that goes away is its own affair.
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            }
        });
    }
}

async fn review(
    request: Request<Incoming>,
    delay: Duration,
    asked: &AtomicUsize,
) -> Result<Response<Full<Bytes>>, Infallible> {
    asked.fetch_add(1, Ordering::Relaxed);
    let body = request.into_body().collect().await;
    let body = body.map(http_body_util::Collected::to_bytes);
    let asked: Value = body
        .ok()
        .and_then(|body| serde_json::from_slice(&body).ok())
        .unwrap_or_default();
    tokio::time::sleep(delay).await; // sleeps because to be slow is its purpose
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "response": { "uid": asked["request"]["uid"], "allowed": true },
    });
    let response = Response::new(Full::new(Bytes::from(answer.to_string())));
    let (mut parts, body) = response.into_parts();
    let json = hyper::header::HeaderValue::from_static("application/json");
    parts.headers.insert(hyper::header::CONTENT_TYPE, json);
    Ok(Response::from_parts(parts, body))
}
