//! Listening, TLS and connections; takes the listener away while the server is to be down.

use std::io;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::{Fault, Shared};
use crate::pki::Authority;

/// A certificate for loopback and the authority that signed it.
pub(crate) fn tls() -> io::Result<(Option<TlsAcceptor>, Option<String>)> {
    let authority = Authority::new("lab git server").map_err(io::Error::other)?;
    let pair = authority
        .server(&["127.0.0.1", "localhost"])
        .map_err(io::Error::other)?;
    Ok((Some(pair.acceptor()?), Some(authority.certificate())))
}

/// Accepts connections until aborted; `up` tells whether anybody listens now.
pub(super) async fn serve(
    shared: Arc<Shared>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    up: watch::Sender<bool>,
) {
    let mut faults = shared.fault.subscribe();
    let mut connections = JoinSet::new();
    let Ok(address) = listener.local_addr() else {
        return;
    };
    let mut listener = Some(listener);
    loop {
        let down = *faults.borrow_and_update() == Fault::Down;
        if down {
            listener = None;
            connections.shutdown().await;
        } else if listener.is_none() {
            listener = TcpListener::bind(address).await.ok();
        }
        up.send_replace(listener.is_some());
        let accept = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = accept => if let Ok((stream, _)) = accepted {
                connections.spawn(connection(shared.clone(), stream, tls.clone()));
            },
            changed = faults.changed() => if changed.is_err() { return },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// A client that goes away, or does not trust us, is its own affair.
async fn connection(shared: Arc<Shared>, stream: TcpStream, tls: Option<TlsAcceptor>) {
    match tls {
        None => requests(shared, stream).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                requests(shared, stream).await;
            }
        }
    }
}

async fn requests(shared: Arc<Shared>, stream: impl AsyncRead + AsyncWrite + Unpin) {
    let service = service_fn(|request| shared.clone().respond(request));
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
