//! Requests: sent, waited for, redirected within one server, and bounded in time.

use std::{
    any::Any,
    future::Future,
    io,
    sync::{Arc, LazyLock, Mutex},
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
use tokio::runtime::{Handle, Runtime};

use super::{
    answer::{check, target, unsent},
    exchange::{ADVERTISEMENT, Body, Exchange, Headers, PostBody, RESULT},
    setup::{authorization, build},
};
use crate::{Credentials, FetchError, Reason, RepoUrl, budget::Budget, wire::AGENT};

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
    runtime: Handle,
    authorization: Option<HeaderValue>,
}

/// The one thread that keeps the connections to all servers healthy, started with the first. Whoever waits for an answer
/// waits on a thread of its own.
static CONNECTIONS: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(NAMES)
        .thread_name("git-http")
        .enable_all()
        .build()
});

/// Names of servers looked up at once: more than anybody talks to, because a name server that hangs blocks a thread.
const NAMES: usize = 1024;

impl Client {
    pub(super) fn new(
        url: &RepoUrl,
        credentials: &Credentials,
        budget: Arc<Budget>,
    ) -> Result<Self, FetchError> {
        let line = Line {
            http: build(credentials)?,
            runtime: connections()?,
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

    /// Waits; a deadline or a stop ends the wait.
    pub(super) fn wait<T>(&self, budget: &Budget, work: impl Future<Output = T>) -> io::Result<T> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = budget.halted() => {}
                out = work => return Ok(out),
            }
            Err(io::Error::other("the operation was cut short"))
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

fn connections() -> Result<Handle, FetchError> {
    match &*CONNECTIONS {
        Ok(runtime) => Ok(runtime.handle().clone()),
        Err(error) => {
            let text = format!("no thread for http: {error}");
            Err(FetchError::new(Reason::Storage, text))
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
