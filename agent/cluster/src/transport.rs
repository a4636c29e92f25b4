//! The way to one API server: TLS, credentials, kept-alive connections.
//!
//! Own layers instead of kube's ready-made stack, for TCP keep-alive (a silent dead watch is noticed), for bounds on
//! every call, and so that all identities share one pool of connections.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Request, Response, Uri, header};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, proxy::Tunnel},
    },
    rt::{TokioExecutor, TokioTimer},
};
use kube::{
    Config,
    client::{Body, ConfigExt as _},
};
use tower::{BoxError, Layer as _, ServiceBuilder, ServiceExt as _, util::BoxCloneSyncService};

use crate::{
    fence::{Fence, Fenced},
    guard::{AnswerBody, Guard, Limits},
};

/// Sends one request, from whatever thread.
pub(crate) type Transport = BoxCloneSyncService<Request<Body>, Response<AnswerBody>, BoxError>;

/// A silent connection is asked after this long, this often, this many times: dead after a minute.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(10), 3);
/// Enough for a packet that is lost twice. Where nobody answers, three tries take a quarter of a minute.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Unused connections go, so that a quiet agent holds only those of its watches.
const IDLE: Duration = Duration::from_secs(30);

/// What is read at once. A watch keeps its buffer for as long as it lives, and ever larger ones by default.
const BUFFER: usize = 32 << 10;

/// The way to the server that `config` names.
pub(crate) fn open(
    config: &Config,
    user_agent: HeaderValue,
    limits: Limits,
) -> Result<Transport, kube::Error> {
    install_crypto();
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_keepalive(Some(KEEPALIVE.0));
    connector.set_keepalive_interval(Some(KEEPALIVE.1));
    connector.set_keepalive_retries(Some(KEEPALIVE.2));
    match &config.proxy_url {
        Some(proxy) if proxy.scheme_str() == Some("http") => layers(
            config,
            Tunnel::new(proxy.clone(), connector),
            user_agent,
            limits,
        ),
        Some(proxy) => Err(kube::Error::ProxyProtocolUnsupported {
            proxy_url: Box::new(proxy.clone()),
        }),
        None => layers(config, connector, user_agent, limits),
    }
}

/// `transport` with one header set on every request, over whatever is there.
pub(crate) fn with_header(transport: Transport, name: HeaderName, value: HeaderValue) -> Transport {
    let set = move |mut request: Request<Body>| {
        request.headers_mut().insert(name.clone(), value.clone());
        request
    };
    BoxCloneSyncService::new(transport.map_request(set))
}

/// `transport` that writes nothing once `fence` no longer holds. What sends the request looks.
pub(crate) fn with_fence(transport: Transport, fence: Fence) -> Transport {
    let mark = move |mut request: Request<Body>| {
        request.extensions_mut().insert(fence.clone());
        request
    };
    BoxCloneSyncService::new(transport.map_request(mark))
}

fn layers<C>(
    config: &Config,
    connector: C,
    user_agent: HeaderValue,
    limits: Limits,
) -> Result<Transport, kube::Error>
where
    C: tower::Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: hyper::rt::Read
        + hyper::rt::Write
        + hyper_util::client::legacy::connect::Connection
        + Send
        + Unpin
        + 'static,
    C::Future: Send + 'static,
    C::Error: Into<BoxError>,
{
    let https = config.rustls_https_connector_with_connector(connector)?;
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .http1_max_buf_size(BUFFER)
        .build::<_, Fenced>(https);
    let stack = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .map_request(Fenced::around)
        .service(client);
    let guarded = BoxCloneSyncService::layer().layer(Guard::new(stack, limits));
    Ok(with_header(guarded, header::USER_AGENT, user_agent))
}

/// Two providers in one binary make rustls panic at the first handshake; the first to come names the one.
fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Lost to somebody else in between: then there is one, which is all that counts.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    }
}
