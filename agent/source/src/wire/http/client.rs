//! What Git asks for, as requests; the greeting is redirected within one server.

use std::{
    any::Any,
    sync::{Arc, Mutex},
};

use gix::{
    error::ErrorExt,
    protocol::transport::client::blocking_io::http::{
        GetResponse, Http, PostBodyDataKind, PostResponse,
    },
};
use reqwest::{
    Url,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};

use super::{
    answer::{TAIL, check, target},
    exchange::{ADVERTISEMENT, Body, Exchange, Headers, PostBody, RESULT},
    line::Line,
};
use crate::{Credentials, FetchError, Reason, RepoUrl, budget::Budget, wire::AGENT};

/// How many redirects within one server are followed; a renamed repository needs one.
const REDIRECTS: usize = 3;

/// What Git's protocol code sends its requests through.
pub(super) struct Client {
    line: Arc<Line>,
    budget: Arc<Budget>,
    redirected: Option<String>,
}

impl Client {
    pub(super) fn new(
        url: &RepoUrl,
        credentials: &Credentials,
        budget: Arc<Budget>,
    ) -> Result<Self, FetchError> {
        Ok(Self {
            line: Arc::new(Line::new(url, credentials)?),
            budget,
            redirected: None,
        })
    }

    /// Fetches the greeting, and follows the server's own renames.
    fn greet(&mut self, url: &str, headers: &HeaderMap) -> Result<reqwest::Response, FetchError> {
        let mut at = Url::parse(url)
            .map_err(|_| FetchError::new(Reason::Unsupported, "the address is no URL"))?;
        for _ in 0..=REDIRECTS {
            let request = self.line.get(at.clone(), headers.clone());
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
