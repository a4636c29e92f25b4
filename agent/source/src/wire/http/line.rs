//! The connection to one server: the client, the credentials, and the thread that all connections live on.

use std::{io, sync::LazyLock};

use reqwest::{
    Method, Url,
    header::{self, HeaderMap, HeaderValue},
};
use tokio::runtime::{Handle, Runtime};

use super::{
    answer::unsent,
    setup::{authorization, build},
};
use crate::{Credentials, FetchError, Reason, RepoUrl, budget::Budget};

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

impl Line {
    pub(super) fn new(url: &RepoUrl, credentials: &Credentials) -> Result<Self, FetchError> {
        Ok(Self {
            http: build(credentials)?,
            runtime: connections()?,
            authorization: authorization(url, credentials)?,
        })
    }

    pub(super) fn get(&self, url: Url, headers: HeaderMap) -> reqwest::RequestBuilder {
        self.http.request(Method::GET, url).headers(headers)
    }

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

fn connections() -> Result<Handle, FetchError> {
    match &*CONNECTIONS {
        Ok(runtime) => Ok(runtime.handle().clone()),
        Err(error) => {
            let text = format!("no thread for http: {error}");
            Err(FetchError::new(Reason::Storage, text))
        }
    }
}
