//! An OpenTelemetry collector that keeps the spans it is sent.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, body::Bytes, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span,
};
use prost::Message as _;
use tokio::{net::TcpListener, task::JoinHandle};

/// Listens until dropped.
pub struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Span>>>,
    task: JoinHandle<()>,
}

impl Collector {
    /// On a free port.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, spans) = (listener.local_addr()?, Arc::default());
        let task = tokio::spawn(accept(listener, Arc::clone(&spans)));
        Ok(Self {
            address,
            spans,
            task,
        })
    }

    /// What to tell the agent.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every span so far.
    pub fn spans(&self) -> Vec<Span> {
        self.spans
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, spans: Arc<Mutex<Vec<Span>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let spans = spans.clone();
        let service = service_fn(move |request| keep(request, spans.clone()));
        tokio::spawn(async move {
            // A connection that breaks is the sender's loss.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn keep(
    request: Request<Incoming>,
    spans: Arc<Mutex<Vec<Span>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_traces = request.uri().path() == "/v1/traces";
    let body = request
        .into_body()
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    if let (true, Ok(body)) = (is_traces, body)
        && let Ok(sent) = ExportTraceServiceRequest::decode(body)
    {
        let scopes = sent
            .resource_spans
            .into_iter()
            .flat_map(|resource| resource.scope_spans);
        let all = scopes.flat_map(|scope| scope.spans);
        spans
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(all);
    }
    Ok(Response::new(Full::default()))
}
