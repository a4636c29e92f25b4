//! The small HTTP server: webhooks, probes, metrics.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::sync::CancellationToken;

use crate::{config::Secret, metrics::Metrics, poke::Poke, repos::Repos};

mod hook;

/// The largest webhook that is read. Git hosts send a few kilobytes for a push.
const LARGEST_HOOK: usize = 1 << 20;

/// What the routes need.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) secret: Option<Secret>,
    pub(crate) repos: Arc<Repos>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) ready: Arc<AtomicBool>,
    /// Webhooks for the other replicas.
    pub(crate) pokes: mpsc::Sender<Poke>,
}

/// Serves until `cancel`.
pub(crate) async fn serve(
    listener: TcpListener,
    site: Site,
    cancel: CancellationToken,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/hooks/git", post(hook))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .layer(DefaultBodyLimit::max(LARGEST_HOOK))
        .with_state(site);
    axum::serve(listener, routes)
        .with_graceful_shutdown(cancel.cancelled_owned())
        .await
}

/// The body is taken as bytes and its signature checked before anything looks inside.
async fn hook(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(secret) = &site.secret else {
        let text = "webhooks are off: start the agent with --webhook-secret-file";
        return (StatusCode::FORBIDDEN, text).into_response();
    };
    if !hook::is_signed(&headers, &body, secret) {
        site.metrics.hook(false);
        return (
            StatusCode::UNAUTHORIZED,
            "the signature does not fit the body",
        )
            .into_response();
    }
    site.metrics.hook(true);
    let poke = Poke::of(hook::addresses(&body).iter().map(String::as_str));
    let poked = site.repos.poke(|url| poke.means(url));
    if site.pokes.try_send(poke).is_err() {
        tracing::debug!("too many webhooks to pass each on; polling makes up for it");
    }
    tracing::info!(repos = poked, "a webhook asked to look");
    (
        StatusCode::ACCEPTED,
        format!("looking at {poked} repositories\n"),
    )
        .into_response()
}

async fn readyz(State(site): State<Site>) -> Response {
    match site.ready.load(Ordering::Relaxed) {
        true => "ok".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "starting").into_response(),
    }
}

async fn metrics(State(site): State<Site>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], site.metrics.text()).into_response()
}
