//! A Git server over http or https, with credentials and with faults on demand.
//!
//! The protocol is git's own (`git http-backend`); this file decides who may ask, what is recorded and what goes wrong.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::cgi;
use crate::ports::Port;
use answer::Answer;

pub(crate) use listen::tls;

mod answer;
mod listen;

/// Requests remembered; more than any test makes.
const REMEMBERED: usize = 10_000;

/// A running server; every repository under its root can be fetched from and pushed to.
#[derive(Debug)]
pub struct GitHttp {
    port: Port,
    ca: Option<String>,
    shared: Arc<Shared>,
    listening: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

/// How the server is reached; the default is https without credentials.
#[derive(Debug, Clone, Default)]
pub struct HttpOptions {
    plain: bool,
    auth: Auth,
}

/// Whom the server lets in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Auth {
    /// Everybody.
    #[default]
    Nobody,
    /// Whoever sends this user name and password.
    Basic(String, String),
    /// Whoever sends this token.
    Bearer(String),
}

/// What goes wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Nobody listens; open connections are cut.
    Down,
    /// Every request is answered with this HTTP status.
    Status(u16),
    /// Half of each answer, then the connection is cut.
    Truncate,
    /// Every answer comes this late.
    Slow(Duration),
    /// Every request is sent to the same path under this URL.
    Redirect(String),
}

/// One request the server has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: String,
    /// The path: `/config.git/info/refs`.
    pub path: String,
    /// The query: `service=git-upload-pack`.
    pub query: String,
    /// The status answered.
    pub code: u16,
    /// The bytes of the answer's body.
    pub bytes: usize,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    auth: Mutex<Auth>,
    fault: watch::Sender<Fault>,
    requests: Mutex<VecDeque<Request>>,
}

impl HttpOptions {
    /// Plain http.
    pub fn plain() -> Self {
        Self {
            plain: true,
            ..Self::default()
        }
    }

    /// Lets in only those who prove themselves so.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }
}

impl GitHttp {
    /// Serves every repository under `root` on a free loopback port until dropped.
    pub async fn start(root: &Path, options: HttpOptions) -> io::Result<Self> {
        let (acceptor, ca) = if options.plain {
            (None, None)
        } else {
            listen::tls()?
        };
        let port = Port::reserve()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.number));
        let listener = TcpListener::bind(address).await?;
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            auth: Mutex::new(options.auth),
            fault: watch::Sender::new(Fault::None),
            requests: Mutex::default(),
        });
        let (up, listening) = watch::channel(true);
        let task = tokio::spawn(listen::serve(shared.clone(), listener, acceptor, up));
        Ok(Self {
            port,
            ca,
            shared,
            listening,
            task,
        })
    }

    /// The URL of a repository: `https://127.0.0.1:20444/config.git`.
    pub fn url(&self, repo: &str) -> String {
        let scheme = if self.ca.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}/{repo}", self.port.number)
    }

    /// The certificate authority to trust, as PEM; none over plain http.
    pub fn ca(&self) -> Option<&str> {
        self.ca.as_deref()
    }

    /// Makes something go wrong from now on, or all well again; in force when this returns.
    pub async fn fault(&self, fault: Fault) {
        let up = fault != Fault::Down;
        self.shared.fault.send_replace(fault);
        // The only way to fail is that the server's task has ended, and with it all answers.
        let _ = self
            .listening
            .clone()
            .wait_for(|listening| *listening == up)
            .await;
    }

    /// Changes whom the server lets in, as when a token expires.
    pub fn set_auth(&self, auth: Auth) {
        *self
            .shared
            .auth
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = auth;
    }

    /// The requests answered so far.
    pub fn requests(&self) -> Vec<Request> {
        let requests = self
            .shared
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        requests.iter().cloned().collect()
    }

    /// Forgets the requests answered so far.
    pub fn forget_requests(&self) {
        self.shared
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

impl Drop for GitHttp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Auth {
    fn admits(&self, head: &Parts) -> bool {
        let sent = head
            .headers
            .get("authorization")
            .and_then(|value| value.to_str().ok());
        let wanted = match self {
            Self::Nobody => return true,
            Self::Basic(user, password) => {
                format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
            }
            Self::Bearer(token) => format!("Bearer {token}"),
        };
        sent == Some(&wanted)
    }
}

impl Shared {
    /// Answers one request, by git or by the fault of the day, and remembers it.
    async fn respond(
        self: Arc<Self>,
        request: hyper::Request<Incoming>,
    ) -> Result<Response<Answer>, Infallible> {
        let (head, body) = request.into_parts();
        let fault = self.fault.borrow().clone();
        if let Fault::Slow(delay) = fault {
            tokio::time::sleep(delay).await;
        }
        let admitted = self
            .auth
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .admits(&head);
        let response = match &fault {
            Fault::Status(code) => status(StatusCode::from_u16(*code).unwrap_or_default()),
            Fault::Redirect(base) => redirect(base, &head),
            _ if !admitted => unauthorized(),
            _ => cgi::answer(&self.root, &head, body)
                .await
                .unwrap_or_else(|_| status(StatusCode::BAD_GATEWAY)),
        };
        self.remember(&head, &response);
        let cut = fault == Fault::Truncate;
        Ok(response.map(|body| {
            if cut {
                Answer::cut(&body)
            } else {
                Answer::whole(body)
            }
        }))
    }

    fn remember(&self, head: &Parts, answer: &Response<Bytes>) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.len() == REMEMBERED {
            requests.pop_front();
        }
        requests.push_back(Request {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            code: answer.status().as_u16(),
            bytes: answer.body().len(),
        });
    }
}

fn status(code: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(format!("{code}\n")));
    *response.status_mut() = code;
    response
}

fn unauthorized() -> Response<Bytes> {
    with_header(
        status(StatusCode::UNAUTHORIZED),
        "www-authenticate",
        "Basic realm=\"git\"",
    )
}

fn redirect(base: &str, head: &Parts) -> Response<Bytes> {
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    with_header(
        status(StatusCode::FOUND),
        "location",
        &format!("{base}{path}"),
    )
}

fn with_header(mut response: Response<Bytes>, name: &'static str, value: &str) -> Response<Bytes> {
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(name, value);
    }
    response
}
