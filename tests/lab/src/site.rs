//! A site over https whose certificate a test makes, changes, and lets run out in so many days.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::pki::Authority;

/// Answers `ok` on a loopback port, until dropped.
pub struct Site {
    address: SocketAddr,
    shown: Arc<Mutex<Shown>>,
    task: JoinHandle<()>,
}

/// A certificate that a site can show.
pub struct Identity {
    tls: TlsAcceptor,
    ca: String,
}

/// What it shows now.
struct Shown {
    tls: TlsAcceptor,
    ca: String,
    /// What has to stand in `authorization`; anything if none.
    pass: Option<String>,
    asked: usize,
}

impl Site {
    /// Shows a certificate that is good for so many days.
    pub async fn start(days: i32) -> io::Result<Self> {
        let Identity { tls, ca } = Identity::new(days)?;
        let shown = Shown {
            tls,
            ca,
            pass: None,
            asked: 0,
        };
        let shown = Arc::new(Mutex::new(shown));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self {
            address: listener.local_addr()?,
            task: tokio::spawn(serve(listener, shown.clone())),
            shown,
        })
    }

    /// Where it is: `https://127.0.0.1:20450/`.
    pub fn url(&self) -> String {
        format!("https://{}/", self.address)
    }

    /// The certificate of the authority that has signed what it shows, as PEM.
    pub fn ca(&self) -> String {
        locked(&self.shown).ca.clone()
    }

    /// Shows another certificate from now on.
    pub fn show(&self, identity: Identity) {
        let mut shown = locked(&self.shown);
        (shown.tls, shown.ca) = (identity.tls, identity.ca);
    }

    /// Answers 401 to whoever does not send this as `authorization`.
    pub fn wants(&self, pass: &str) {
        locked(&self.shown).pass = Some(pass.to_owned());
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        locked(&self.shown).asked
    }
}

impl Identity {
    /// One that is good for so many days, of an authority of its own.
    pub fn new(days: i32) -> io::Result<Self> {
        let other = io::Error::other::<rcgen::Error>;
        let authority = Authority::new("lab site").map_err(other)?;
        let names = ["127.0.0.1", "localhost"];
        let pair = authority.server_for(&names, days).map_err(other)?;
        Ok(Self {
            tls: pair.acceptor()?,
            ca: authority.certificate(),
        })
    }

    /// The certificate of its authority, as PEM.
    pub fn ca(&self) -> &str {
        &self.ca
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, shown: Arc<Mutex<Shown>>) {
    let mut all = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        all.spawn(connection(stream, shown.clone()));
    }
}

async fn connection(stream: TcpStream, shown: Arc<Mutex<Shown>>) {
    let tls = locked(&shown).tls.clone();
    let service = service_fn(|request| {
        let answer = answer(&request, &shown);
        async move { Ok::<_, Infallible>(answer) }
    });
    if let Ok(stream) = tls.accept(stream).await {
        // A caller that goes away is its own affair.
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }
}

fn answer(request: &Request<Incoming>, shown: &Mutex<Shown>) -> Response<Full<Bytes>> {
    let mut shown = locked(shown);
    shown.asked += 1;
    let sent = request.headers().get("authorization");
    let sent = sent.and_then(|sent| sent.to_str().ok());
    let status = match &shown.pass {
        Some(pass) if sent != Some(pass) => 401,
        _ => 200,
    };
    let mut answer = Response::new(Full::new(Bytes::from_static(b"ok")));
    *answer.status_mut() = status.try_into().unwrap_or_default();
    answer
}

fn locked(shown: &Mutex<Shown>) -> std::sync::MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}
