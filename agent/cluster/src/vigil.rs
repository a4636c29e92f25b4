//! Whether a server that keeps somebody waiting is there at all.
//!
//! An admission webhook may take half a minute, so a long wait alone says nothing about the server. Then it is asked how it
//! is, which it answers whatever else it is busy with: one that does not answer that either, twice, is frozen or cannot be
//! reached any more. Costs nothing while answers come soon, and the same however many wait.

use std::{pin::pin, time::Duration};

use http::{HeaderValue, Request, Response, Uri, header};
use hyper::body::Incoming;
use kube::client::Body;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};
use tower::{BoxError, Service, ServiceExt as _};

/// What a server answers to anybody, ahead of everything that has to wait for its turn. Whatever the answer says, it is one.
const ASKED: &str = "/livez";
/// So many times in a row it may stay silent.
const TIMES: u32 = 2;

/// Watches over the requests to one server.
#[derive(Debug, Default)]
pub(crate) struct Vigil {
    /// When the server was last asked, and whether it answered. Held while it is asked, so that it is asked by one alone.
    last: Mutex<Option<(Instant, bool)>>,
}

/// The server does not even say how it is.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it answers nothing any more")]
pub(crate) struct Silent;

impl Vigil {
    /// Waits for `attempt`; each time that takes another `patience`, asks whether the server is there, with as much
    /// patience for each answer.
    pub(crate) async fn over<T, S>(
        &self,
        attempt: impl Future<Output = Result<T, BoxError>>,
        question: impl Fn() -> (S, Request<Body>),
        patience: Duration,
    ) -> Result<T, BoxError>
    where
        S: Service<Request<Body>, Response = Response<Incoming>, Error = BoxError>,
    {
        let mut attempt = pin!(attempt);
        loop {
            if let Ok(done) = timeout(patience, &mut attempt).await {
                return done;
            }
            tokio::select! {
                biased;
                done = &mut attempt => return done,
                there = self.is_there(&question, patience) => if !there {
                    return Err(Silent.into());
                }
            }
        }
    }

    async fn is_there<S>(
        &self,
        question: &impl Fn() -> (S, Request<Body>),
        patience: Duration,
    ) -> bool
    where
        S: Service<Request<Body>, Response = Response<Incoming>, Error = BoxError>,
    {
        let mut last = self.last.lock().await;
        if let Some((at, there)) = *last
            && at.elapsed() < patience
        {
            return there;
        }
        let mut there = false;
        for _ in 0..TIMES {
            let (service, request) = question();
            // What breaks off at once is no silence, and what waits hears of it by itself.
            there = timeout(patience, service.oneshot(request)).await.is_ok();
            if there {
                break;
            }
        }
        *last = Some((Instant::now(), there));
        there
    }
}

/// Asks the server how it is, in the name of `agent`.
pub(crate) fn question(agent: Option<&HeaderValue>) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = Uri::from_static(ASKED);
    if let Some(agent) = agent {
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, agent.clone());
    }
    request
}
