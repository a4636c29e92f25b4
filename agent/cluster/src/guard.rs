//! The bounds of every call: how long, how often, how much, how many at once.
//!
//! Knows HTTP and nothing of Kubernetes beyond which requests may be sent twice. Sits below every client, typed or not.

use std::{
    hash::{BuildHasher as _, RandomState},
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::body::{Bytes, Incoming};
use kube::client::Body;
use tokio::time::{Instant, sleep, timeout};
use tower::{BoxError, Service, ServiceExt as _};

use crate::{
    fence::{Fence, NotHeld},
    lane::{Lane, Lanes, Turn},
    vigil::{self, Silent, Vigil},
};

/// Names the user a request is made as, where that is not ourselves.
pub(crate) const IMPERSONATE: HeaderName = HeaderName::from_static("impersonate-user");

/// A request that takes longer waits for something behind the server: an admission webhook, for one.
const MOMENT: Duration = Duration::from_secs(1);

/// Where Leases are.
const LEASES: &str = "/apis/coordination.k8s.io/";

/// How far a call may go.
#[derive(Clone, Debug)]
pub struct Limits {
    /// One call, with all its tries. A slow admission webhook takes up to 30 s by itself.
    pub call: Duration,
    /// One try.
    pub attempt: Duration,
    /// How many tries.
    pub attempts: u32,
    /// How many tries where the server only says that it is too busy (429), which costs neither side much.
    pub patience: u32,
    /// The longest pause between two tries, whatever the server's `Retry-After` says.
    pub pause: Duration,
    /// After how long without an answer the server is asked whether it is there at all, and how long it may take to say so,
    /// twice. A server that is frozen is found out after three times as long.
    pub silence: Duration,
    /// The largest answer, in bytes. etcd keeps nothing above 1.5 MiB; a page of a list has many.
    pub answer: usize,
}

/// The body of an answer: whole, or for a watch as it comes.
pub(crate) type AnswerBody = Either<Full<Bytes>, Incoming>;

/// A service that keeps the bounds.
#[derive(Clone)]
pub(crate) struct Guard<S> {
    inner: S,
    bounds: Arc<Bounds>,
    lanes: Arc<Lanes>,
}

/// What all requests to one server share.
struct Bounds {
    limits: Limits,
    vigil: Vigil,
}

/// A try took too long.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} s", .0.as_secs())]
pub(crate) struct TimedOut(pub(crate) Duration);

impl Default for Limits {
    fn default() -> Self {
        Self {
            call: Duration::from_mins(1),
            attempt: Duration::from_secs(35),
            attempts: 5,
            patience: 20,
            pause: Duration::from_secs(5),
            silence: Duration::from_secs(4),
            answer: 64 << 20,
        }
    }
}

impl<S> Guard<S> {
    pub(crate) fn new(inner: S, limits: Limits) -> Self {
        Self {
            inner,
            bounds: Arc::new(Bounds {
                limits,
                vigil: Vigil::default(),
            }),
            lanes: Arc::default(),
        }
    }
}

impl<S> Service<Request<Body>> for Guard<S>
where
    S: Service<Request<Body>, Response = Response<Incoming>, Error = BoxError>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
{
    type Response = Response<AnswerBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // Each try makes its own clone ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let lane =
            (!is_exempt(&request)).then(|| self.lanes.of(request.headers().get(IMPERSONATE)));
        Box::pin(tries(
            self.inner.clone(),
            request,
            self.bounds.clone(),
            lane,
        ))
    }
}

async fn tries<S>(
    service: S,
    mut request: Request<Body>,
    bounds: Arc<Bounds>,
    lane: Option<Arc<Lane>>,
) -> Result<Response<AnswerBody>, BoxError>
where
    S: Service<Request<Body>, Response = Response<Incoming>, Error = BoxError> + Clone,
{
    let Bounds { limits, vigil } = &*bounds;
    let agent = request.headers().get(header::USER_AGENT).cloned();
    let question = || (service.clone(), vigil::question(agent.as_ref()));
    let (method, watch) = (request.method().clone(), is_watch(&request));
    let mut tried = 1;
    let mut turn = enter(lane.as_ref()).await;
    let end = Instant::now() + limits.call;
    loop {
        let spare = copy(&request);
        check_fence(&request)?;
        let left = limits
            .attempt
            .min(end.saturating_duration_since(Instant::now()));
        let attempt = one_try(service.clone(), request, watch, limits.answer);
        let attempt = vigil.over(attempt, question, limits.silence);
        let outcome = timeout(left, in_turn(attempt, turn.as_mut()))
            .await
            .unwrap_or_else(|_| Err(TimedOut(left).into()));
        let pause = pause_before_next(&outcome, &method, tried, limits);
        if let Some(turn) = turn.take() {
            match is_refusal(&outcome) {
                true => turn.refused(pause.unwrap_or(limits.pause)),
                false => turn.got_through(),
            }
        }
        match (pause, spare) {
            (Some(pause), Some(spare)) if Instant::now() + pause < end => {
                sleep(pause).await;
                turn = enter(lane.as_ref()).await;
                request = spare;
                tried += 1;
            }
            _ => return outcome,
        }
    }
}

/// Waits for a turn, where turns are taken.
async fn enter(lane: Option<&Arc<Lane>>) -> Option<Turn> {
    match lane {
        Some(lane) => Some(lane.enter().await),
        None => None,
    }
}

/// Waits for `attempt`, and makes room for others once it takes long.
async fn in_turn<T>(attempt: impl Future<Output = T>, turn: Option<&mut Turn>) -> T {
    let mut attempt = pin!(attempt);
    if let Some(turn) = turn {
        match timeout(MOMENT, &mut attempt).await {
            Ok(done) => return done,
            Err(_) => turn.step_aside(),
        }
    }
    attempt.await
}

async fn one_try<S>(
    service: S,
    request: Request<Body>,
    watch: bool,
    most: usize,
) -> Result<Response<AnswerBody>, BoxError>
where
    S: Service<Request<Body>, Response = Response<Incoming>, Error = BoxError>,
{
    let (parts, body) = service.oneshot(request).await?.into_parts();
    if watch && parts.status.is_success() {
        return Ok(Response::from_parts(parts, Either::Right(body)));
    }
    let bytes = Limited::new(body, most).collect().await?.to_bytes();
    Ok(Response::from_parts(parts, Either::Left(Full::new(bytes))))
}

/// How long to wait before another try; none if another try is not called for.
fn pause_before_next(
    outcome: &Result<Response<AnswerBody>, BoxError>,
    method: &Method,
    tried: u32,
    limits: &Limits,
) -> Option<Duration> {
    let own = Duration::from_millis(100).saturating_mul(2_u32.saturating_pow(tried - 1));
    let own = jittered(own.min(limits.pause));
    match outcome {
        Ok(answer) if tried < most_tries(answer.status(), method, limits) => Some(
            retry_after(answer.headers())
                .unwrap_or(own)
                .max(own)
                .min(limits.pause),
        ),
        // Anything else that broke may have been a server that restarts.
        Err(error) if !was_silent(error) && is_repeatable(method) && tried < 3 => Some(own),
        _ => None,
    }
}

/// Waiting has used up what there was.
fn was_silent(error: &BoxError) -> bool {
    error.is::<TimedOut>() || error.is::<Silent>()
}

/// 429 comes before anything was done. 503 and 504 may come after, so what must not be done twice is not.
fn most_tries(status: StatusCode, method: &Method, limits: &Limits) -> u32 {
    match status {
        StatusCode::TOO_MANY_REQUESTS => limits.patience,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT if is_repeatable(method) => {
            limits.attempts
        }
        _ => 1,
    }
}

fn is_refusal(outcome: &Result<Response<AnswerBody>, BoxError>) -> bool {
    outcome
        .as_ref()
        .is_ok_and(|answer| answer.status() == StatusCode::TOO_MANY_REQUESTS)
}

/// Server-side apply, reading, and deleting one UID come to the same however often they are done.
fn is_repeatable(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::PATCH | Method::DELETE)
}

/// `Retry-After` in seconds; a date or nonsense counts as none.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

/// Between half of `whole` and all of it, so that many agents do not come back at once.
pub(crate) fn jittered(whole: Duration) -> Duration {
    let random = RandomState::new().hash_one(0_u8) % 1024;
    let share = u32::try_from(random).expect("below 1024 because of the modulo");
    whole / 2 + whole / 2 * share / 1024
}

fn is_watch(request: &Request<Body>) -> bool {
    request.uri().query().is_some_and(|query| {
        query
            .split('&')
            .any(|pair| pair == "watch=true" || pair == "watch=1")
    })
}

/// Watches take a turn for hours, and whoever has to wait with a Lease loses it.
fn is_exempt(request: &Request<Body>) -> bool {
    is_watch(request) || request.uri().path().starts_with(LEASES)
}

/// Nothing is written once the fence that a request carries is closed, not even by a later try.
fn check_fence(request: &Request<Body>) -> Result<(), NotHeld> {
    match request.extensions().get::<Fence>() {
        Some(fence) if request.method() != Method::GET => fence.check(),
        _ => Ok(()),
    }
}

fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    let mut copy = Request::new(request.body().try_clone()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    Some(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: &str) -> Response<AnswerBody> {
        let body = Either::Left(Full::new(Bytes::new()));
        Response::builder()
            .status(status)
            .header("Retry-After", retry_after)
            .body(body)
            .unwrap()
    }

    fn pause(status: u16, after: &str, method: &Method) -> Option<Duration> {
        pause_before_next(&Ok(answer(status, after)), method, 1, &Limits::default())
    }

    #[test]
    fn the_server_cannot_park_a_call() {
        for after in ["86400", "18446744073709551615", "6"] {
            assert_eq!(
                pause(429, after, &Method::PATCH),
                Some(Limits::default().pause),
                "{after}"
            );
        }
        assert_eq!(
            pause(429, "1", &Method::PATCH),
            Some(Duration::from_secs(1))
        );
        for after in ["-1", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "0"] {
            assert!(
                pause(429, after, &Method::PATCH).unwrap() <= Duration::from_millis(100),
                "{after}"
            );
        }
    }

    #[test]
    fn nothing_is_created_twice() {
        assert!(pause(429, "1", &Method::POST).is_some());
        assert_eq!(pause(504, "1", &Method::POST), None);
        assert_eq!(pause(503, "1", &Method::PUT), None);
        assert!(pause(504, "1", &Method::PATCH).is_some());
        assert_eq!(pause(500, "1", &Method::GET), None);
    }
}
