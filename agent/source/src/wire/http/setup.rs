//! Trust and credentials of a client: whom we believe, and what we show.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::header::HeaderValue;

use super::answer::chain;
use crate::{Credentials, FetchError, Reason, RepoUrl, address::Place, credentials::Method};

/// Within this time a server accepts a connection.
const CONNECT: Duration = Duration::from_secs(20);

/// A client that follows nothing, believes whom it is told, and knows no proxy.
pub(super) fn build(credentials: &Credentials) -> Result<reqwest::Client, FetchError> {
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

/// The header to send, to servers that may have it.
pub(super) fn authorization(
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
                STANDARD.encode(format!("{username}:{password}"))
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
