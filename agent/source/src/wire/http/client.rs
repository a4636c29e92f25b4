//! One HTTP client: TLS, credentials, redirects, and what each status means.

use std::{
    any::Any,
    error::Error as _,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use gix::{
    error::ErrorExt,
    protocol::transport::client::blocking_io::http::{
        GetResponse, Http, PostBodyDataKind, PostResponse,
    },
};
use reqwest::{
    Method as Verb, StatusCode, Url,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use tokio::{runtime::Runtime, time::timeout};

use super::exchange::{ADVERTISEMENT, Body, Exchange, Headers, PostBody, RESULT};
use crate::{
    Credentials, FetchError, Reason, RepoUrl,
    address::Place,
    budget::{Budget, TICK},
    credentials::Method,
    wire::AGENT,
};

/// How many redirects within one server are followed; a renamed repository needs one.
const REDIRECTS: usize = 3;
/// The part of a `GET` that a redirect must keep, or its target is no Git repository.
const TAIL: &str = "/info/refs?service=git-upload-pack";
/// Within this time a server accepts a connection.
const CONNECT: Duration = Duration::from_secs(20);

/// What Git's protocol code sends its requests through.
pub(super) struct Client {
    line: Arc<Line>,
    budget: Arc<Budget>,
    redirected: Option<String>,
}

/// The parts that requests share.
pub(super) struct Line {
    http: reqwest::Client,
    runtime: Background,
    authorization: Option<HeaderValue>,
}

/// One thread that keeps idle connections healthy.
struct Background(Option<Runtime>);

impl Client {
    pub(super) fn new(
        url: &RepoUrl,
        credentials: &Credentials,
        budget: Arc<Budget>,
    ) -> Result<Self, FetchError> {
        let line = Line {
            http: build(credentials)?,
            runtime: Background::start()?,
            authorization: authorization(url, credentials)?,
        };
        Ok(Self {
            line: Arc::new(line),
            budget,
            redirected: None,
        })
    }

    /// Fetches the greeting, and follows the server's own renames.
    fn greet(&mut self, url: &str, headers: HeaderMap) -> Result<reqwest::Response, FetchError> {
        let mut at = Url::parse(url)
            .map_err(|_| FetchError::new(Reason::Unsupported, "the address is no URL"))?;
        for _ in 0..=REDIRECTS {
            let request = self
                .line
                .http
                .request(Verb::GET, at.clone())
                .headers(headers.clone());
            let response = self.line.send(request, &self.budget)?;
            if !response.status().is_redirection() {
                check(&response, ADVERTISEMENT)?;
                if at.as_str() != url {
                    self.redirected = at.as_str().strip_suffix(TAIL).map(str::to_owned);
                }
                return Ok(response);
            }
            at = target(&at, &response)?;
        }
        Err(FetchError::new(
            Reason::Redirected,
            "the server redirects in circles",
        ))
    }
}

impl Line {
    /// Sends one request and waits for the status; a deadline or stop ends the wait.
    pub(super) fn send(
        &self,
        request: reqwest::RequestBuilder,
        budget: &Budget,
    ) -> Result<reqwest::Response, FetchError> {
        let request = match &self.authorization {
            Some(value) => request.header(header::AUTHORIZATION, value),
            None => request,
        };
        match self.wait(budget, request.send()) {
            Ok(answer) => answer.map_err(|error| unsent(&error)),
            Err(error) => Err(budget
                .fault()
                .unwrap_or_else(|| FetchError::new(Reason::Interrupted, error.to_string()))),
        }
    }

    pub(super) fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> reqwest::RequestBuilder {
        self.http
            .request(Verb::POST, url)
            .headers(headers)
            .body(body)
    }

    /// Waits, looking up every now and then for a stop.
    pub(super) fn wait<T>(
        &self,
        budget: &Budget,
        work: impl Future<Output = T>,
    ) -> std::io::Result<T> {
        self.runtime.block_on(async {
            let mut work = pin!(work);
            loop {
                budget.check()?;
                if let Ok(out) = timeout(TICK, &mut work).await {
                    return Ok(out);
                }
            }
        })
    }
}

impl Http for Client {
    type Headers = Headers;
    type ResponseBody = Body;
    type PostBody = PostBody;

    fn get(
        &mut self,
        url: &str,
        _base: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::Result<GetResponse<Headers, Body>> {
        let response = self
            .greet(url, header_map(headers))
            .map_err(|fault| self.budget.fail(fault).raise())?;
        let exchange = Exchange::begun(self.line.clone(), self.budget.clone(), response);
        let exchange = Arc::new(Mutex::new(exchange));
        Ok(GetResponse {
            headers: Headers::new(exchange.clone(), ADVERTISEMENT),
            body: Body::new(exchange),
        })
    }

    fn post(
        &mut self,
        url: &str,
        _base: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _kind: PostBodyDataKind,
    ) -> gix::Result<PostResponse<Headers, Body, PostBody>> {
        let headers = header_map(headers);
        let exchange = Exchange::pending(self.line.clone(), self.budget.clone(), url, headers);
        let exchange = Arc::new(Mutex::new(exchange));
        Ok(PostResponse {
            post_body: PostBody::new(exchange.clone()),
            headers: Headers::new(exchange.clone(), RESULT),
            body: Body::new(exchange),
        })
    }

    /// Each operation brings its own budget.
    fn configure(&mut self, config: &dyn Any) -> gix::Result {
        if let Some(budget) = config.downcast_ref::<Arc<Budget>>() {
            self.budget = budget.clone();
        }
        Ok(())
    }

    fn redirected_base_url(&self) -> Option<String> {
        self.redirected.clone()
    }
}

impl Background {
    fn start() -> Result<Self, FetchError> {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("git-http")
            .enable_all()
            .build()
            .map(|runtime| Self(Some(runtime)))
            .map_err(|error| {
                FetchError::new(Reason::Storage, format!("no thread for http: {error}"))
            })
    }

    fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        let runtime = self.0.as_ref().expect("running because only drop takes it");
        runtime.block_on(work)
    }
}

impl Drop for Background {
    /// A runtime that waits for its threads must not be dropped by another runtime's thread; this one does not wait.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

fn build(credentials: &Credentials) -> Result<reqwest::Client, FetchError> {
    let fault = |text: String| FetchError::new(Reason::TlsFailed, text);
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT)
        .tcp_nodelay(true);
    if let Some(pem) = &credentials.authority {
        let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes());
        let certificates = certificates.ok().filter(|found| !found.is_empty());
        let certificates =
            certificates.ok_or_else(|| fault("ca.crt holds no readable certificate".into()))?;
        builder = builder.tls_certs_only(certificates);
    }
    builder
        .build()
        .map_err(|error| fault(format!("no TLS client: {}", chain(&error))))
}

fn authorization(
    url: &RepoUrl,
    credentials: &Credentials,
) -> Result<Option<HeaderValue>, FetchError> {
    let unusable = |text: &str| FetchError::new(Reason::CredentialsUnusable, text);
    let text = match &credentials.method {
        Method::None => return Ok(None),
        Method::Ssh { .. } => {
            return Err(unusable(
                "the credentials are for ssh, but the address is not ssh",
            ));
        }
        Method::Basic { username, password } => {
            format!(
                "Basic {}",
                base64(format!("{username}:{password}").as_bytes())
            )
        }
        Method::Bearer { token } => format!("Bearer {token}"),
    };
    if *url.place() != (Place::Http { encrypted: true }) {
        return Err(unusable(
            "credentials are never sent over plain http; use https://",
        ));
    }
    let value = HeaderValue::from_str(&text);
    let mut value = value.map_err(|_| unusable("the credentials hold what HTTP cannot carry"))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn header_map(lines: impl IntoIterator<Item = impl AsRef<str>>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for line in lines {
        let Some((name, value)) = line.as_ref().split_once(':') else {
            continue;
        };
        let pair = (
            HeaderName::try_from(name),
            HeaderValue::try_from(value.trim()),
        );
        if let (Ok(name), Ok(value)) = pair {
            map.append(name, value);
        }
    }
    map.insert(header::USER_AGENT, HeaderValue::from_static(AGENT));
    map
}

/// Where a redirect goes, if it stays on the same server and keeps to the protocol.
fn target(from: &Url, response: &reqwest::Response) -> Result<Url, FetchError> {
    let location = response
        .headers()
        .get(header::LOCATION)
        .and_then(|to| to.to_str().ok());
    let to = location.and_then(|to| from.join(to).ok());
    let to =
        to.ok_or_else(|| FetchError::new(Reason::Redirected, "the server redirects to nowhere"))?;
    let shown = to.as_str().split('?').next().unwrap_or_default().to_owned();
    let text = format!("the server redirects to {shown}");
    match to.origin() == from.origin() && to.as_str().ends_with(TAIL) {
        true => Ok(to),
        false => Err(FetchError::new(Reason::Redirected, text)),
    }
}

/// What a status and content type say.
pub(super) fn check(response: &reqwest::Response, wanted: &str) -> Result<(), FetchError> {
    let status = response.status();
    let reason = match status {
        StatusCode::OK => return check_type(response, wanted),
        StatusCode::UNAUTHORIZED => Reason::AuthenticationFailed,
        StatusCode::FORBIDDEN => Reason::AccessDenied,
        StatusCode::NOT_FOUND | StatusCode::GONE => Reason::RepositoryNotFound,
        StatusCode::TOO_MANY_REQUESTS => Reason::RateLimited,
        _ if status.is_redirection() => Reason::Redirected,
        _ if status.is_server_error() => Reason::ServerFailed,
        _ => Reason::NotGit,
    };
    let wait = response.headers().get(header::RETRY_AFTER);
    let wait = wait.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let text = format!("the server answered {status}");
    Err(FetchError::new(reason, text).after(wait.map(Duration::from_secs)))
}

fn check_type(response: &reqwest::Response, wanted: &str) -> Result<(), FetchError> {
    let is = response.headers().get(header::CONTENT_TYPE);
    let is = is
        .and_then(|value| value.to_str().ok())
        .unwrap_or("nothing");
    match is == wanted {
        true => Ok(()),
        false => {
            let text = format!("the server answered with {is} where Git's {wanted} was due");
            Err(FetchError::new(Reason::NotGit, text))
        }
    }
}

/// Why no answer came.
fn unsent(error: &reqwest::Error) -> FetchError {
    let text = chain(error);
    let tls = [
        "certificate",
        "TLS",
        "HandshakeFailure",
        "InvalidContentType",
        "UnknownCA",
    ];
    let reason = match () {
        () if error.is_timeout() => Reason::Timeout,
        () if tls.iter().any(|word| text.contains(word)) => Reason::TlsFailed,
        () if error.is_connect() => Reason::Unreachable,
        () => Reason::Interrupted,
    };
    FetchError::new(reason, text)
}

/// An error with its causes, each said once.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
