//! Requests: sent, waited for, redirected within one server, and bounded in time.

use std::{
    any::Any,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
};

use gix::{
    error::ErrorExt,
    protocol::transport::client::blocking_io::http::{
        GetResponse, Http, PostBodyDataKind, PostResponse,
    },
};
use reqwest::{
    Method, Url,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use tokio::{runtime::Runtime, time::timeout};

use super::{
    answer::{check, target, unsent},
    exchange::{ADVERTISEMENT, Body, Exchange, Headers, PostBody, RESULT},
    setup::{authorization, build},
};
use crate::{
    Credentials, FetchError, Reason, RepoUrl,
    budget::{Budget, TICK},
    wire::AGENT,
};

/// How many redirects within one server are followed; a renamed repository needs one.
const REDIRECTS: usize = 3;
/// The part of a `GET` that a redirect must keep, or its target is no Git repository.
pub(super) const TAIL: &str = "/info/refs?service=git-upload-pack";

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
    fn greet(&mut self, url: &str, headers: &HeaderMap) -> Result<reqwest::Response, FetchError> {
        let mut at = Url::parse(url)
            .map_err(|_| FetchError::new(Reason::Unsupported, "the address is no URL"))?;
        for _ in 0..=REDIRECTS {
            let request = self
                .line
                .http
                .request(Method::GET, at.clone())
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
            .request(Method::POST, url)
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
            .greet(url, &header_map(headers))
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
