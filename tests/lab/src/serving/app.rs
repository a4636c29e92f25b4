//! One pod's program: answers every request with its version, as its environment says.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::behaviour::Behaviour;
use super::isolation::Isolation;
use super::{AGAIN, report, tell};
use crate::control_plane::Api;

/// The header that names the version that answered.
pub const VERSION_HEADER: &str = "x-version";

struct App {
    pod: Value,
    isolation: Arc<Isolation>,
    behaviour: Behaviour,
    answered: AtomicU32,
    /// Cancelled when it crashes.
    crash: CancellationToken,
}

/// Serves as `pod` until it is told to stop. `seen` tells whether the API server says that it is ready.
pub(super) async fn run(
    api: Arc<Api>,
    isolation: Arc<Isolation>,
    pod: Value,
    (stop, mut seen): (CancellationToken, watch::Receiver<bool>),
) {
    let serves = serve(&api, isolation, &pod, &mut seen);
    tokio::select! {
        () = stop.cancelled() => {}
        () = serves => {}
    }
}

async fn serve(
    api: &Api,
    isolation: Arc<Isolation>,
    pod: &Value,
    seen: &mut watch::Receiver<bool>,
) {
    let behaviour = loop {
        let why = match Behaviour::of(api, pod).await {
            Ok(behaviour) => break behaviour,
            Err(_) => "CreateContainerConfigError",
        };
        // Whatever came of that: it is tried again.
        let _ = tell(api, pod, false, Some(why)).await;
        tokio::time::sleep(AGAIN).await;
    };
    let address: Option<IpAddr> = pod["status"]["podIP"]
        .as_str()
        .and_then(|ip| ip.parse().ok());
    let Some(address) = address else {
        return;
    };
    let address = SocketAddr::new(address, behaviour.port);
    let listener = loop {
        match TcpListener::bind(address).await {
            Ok(listener) => break listener,
            // Who had the address before it may still linger.
            Err(_) => drop(tell(api, pod, false, Some("RunContainerError")).await),
        }
        tokio::time::sleep(AGAIN).await;
    };
    let ready = !behaviour.never_ready;
    let app = Arc::new(App {
        pod: pod.clone(),
        isolation,
        behaviour,
        answered: AtomicU32::new(0),
        crash: CancellationToken::new(),
    });
    let crashed = app.crash.clone();
    tokio::select! {
        () = crashed.cancelled() => {}
        () = app.accept(listener) => {}
        () = report(api, pod, (ready, None), seen) => {}
    }
    report(api, pod, (false, Some("CrashLoopBackOff")), seen).await;
}

impl App {
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                    connections.spawn(self.clone().connection(stream));
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(|_| self.answer());
        // A connection that breaks is the peer's loss.
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    async fn answer(&self) -> io::Result<Response<Full<Bytes>>> {
        if self.isolation.cuts_off(&self.pod) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let behaviour = &self.behaviour;
        let number = self.answered.fetch_add(1, Ordering::Relaxed);
        if behaviour.crash_after.is_some_and(|after| number >= after) {
            self.crash.cancel();
            std::future::pending::<()>().await;
        }
        if behaviour.latency_ms > 0 {
            tokio::time::sleep(Duration::from_millis(behaviour.latency_ms.into())).await;
        }
        let mut response =
            Response::new(Full::new(Bytes::from(format!("{}\n", behaviour.version))));
        // Spread evenly, so that few requests already show the share: 0, 37, 74, 11, 48 …
        if (number * 37) % 100 < behaviour.fail_percent {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        if let Ok(version) = behaviour.version.parse() {
            response.headers_mut().insert(VERSION_HEADER, version);
        }
        Ok(response)
    }
}
