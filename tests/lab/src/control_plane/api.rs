//! A few plain requests to the API server, for starting up and for tests that want no client library in between.

use std::time::Duration;

use reqwest::{Certificate, Client, Identity, Method, Response};
use serde_json::Value;

use crate::pki::Pair;

/// Longer than any answer takes on a very busy machine.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Speaks to the API server as the administrator `lab:admin`.
///
/// Good for the async runtime it was made in; make another one elsewhere.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    url: String,
}

/// A request that did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No answer.
    #[error("no answer to {method} {path}")]
    Unreachable {
        /// The HTTP method.
        method: Method,
        /// The path asked for.
        path: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The server refused.
    #[error("{method} {path} was answered {code}: {message}")]
    Refused {
        /// The HTTP method.
        method: Method,
        /// The path asked for.
        path: String,
        /// The HTTP status.
        code: u16,
        /// The server's own words.
        message: String,
    },
}

/// Events of a collection, as they come.
pub(crate) struct Watch {
    answer: Response,
    rest: Vec<u8>,
}

impl Api {
    pub(crate) fn new(url: &str, authority: &str, pair: &Pair) -> Result<Self, reqwest::Error> {
        let identity = format!("{}{}", pair.certificate, pair.key);
        let client = Client::builder()
            .tls_certs_only([Certificate::from_pem(authority.as_bytes())?])
            .identity(Identity::from_pem(identity.as_bytes())?)
            .no_proxy()
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self {
            client,
            url: url.to_owned(),
        })
    }

    /// Reads an object or a list: `/api/v1/namespaces/default/pods`.
    pub async fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.send(Method::GET, path, None).await
    }

    /// Creates an object in the collection at `path`.
    pub async fn create(&self, path: &str, object: &Value) -> Result<Value, ApiError> {
        self.send(Method::POST, path, Some(("application/json", object)))
            .await
    }

    /// Changes the object at `path` by a JSON merge patch.
    pub async fn patch(&self, path: &str, change: &Value) -> Result<Value, ApiError> {
        self.send(
            Method::PATCH,
            path,
            Some(("application/merge-patch+json", change)),
        )
        .await
    }

    /// Deletes the object at `path`.
    pub async fn delete(&self, path: &str) -> Result<Value, ApiError> {
        self.send(Method::DELETE, path, None).await
    }

    /// Applies an object, server-side, as the field manager `lab`.
    pub async fn apply(&self, path: &str, object: &Value) -> Result<Value, ApiError> {
        let path = format!("{path}?fieldManager=lab&force=true");
        let body = Some(("application/apply-patch+yaml", object));
        self.send(Method::PATCH, &path, body).await
    }

    /// Follows the collection at `path` from `version` on.
    pub(crate) async fn watch(&self, path: &str, version: &str) -> Result<Watch, ApiError> {
        let path = format!("{path}?watch=true&allowWatchBookmarks=true&resourceVersion={version}");
        let answer = self.ask(Method::GET, &path, None).await?;
        Ok(Watch {
            answer,
            rest: Vec::new(),
        })
    }

    pub(crate) async fn ready(&self) -> bool {
        let answer = self.client.get(format!("{}/readyz", self.url)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, &Value)>,
    ) -> Result<Value, ApiError> {
        let answer = self.ask(method.clone(), path, body).await?;
        let code = answer.status();
        let text = answer
            .text()
            .await
            .map_err(|source| ApiError::Unreachable {
                method: method.clone(),
                path: path.to_owned(),
                source,
            })?;
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        if code.is_success() {
            return Ok(value);
        }
        let message = value["message"].as_str().unwrap_or_default().to_owned();
        Err(ApiError::Refused {
            method,
            path: path.to_owned(),
            code: code.as_u16(),
            message,
        })
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, &Value)>,
    ) -> Result<Response, ApiError> {
        let mut request = self
            .client
            .request(method.clone(), format!("{}{path}", self.url));
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body.to_string());
        }
        request
            .send()
            .await
            .map_err(|source| ApiError::Unreachable {
                method,
                path: path.to_owned(),
                source,
            })
    }
}

impl Watch {
    /// The next event; none once the server has ended the watch.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return serde_json::from_slice(&line).ok();
            }
            let more = self.answer.chunk().await.ok().flatten()?;
            self.rest.extend_from_slice(&more);
        }
    }
}
