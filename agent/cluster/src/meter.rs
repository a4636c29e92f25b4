//! Counts the requests to API servers: what was asked, what was answered, how long it took. Knows no metric format.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use http::{Method, Request, Response};
use kube::client::Body;
use tower::{BoxError, ServiceExt as _, service_fn, util::BoxCloneSyncService};

use crate::{guard::AnswerBody, transport::Transport};

/// Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    counts: Arc<Mutex<BTreeMap<RequestKind, RequestCount>>>,
}

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestKind {
    /// `read`, `watch`, `create`, `patch`, `update`, `delete`.
    pub verb: &'static str,
    /// `2xx`, `4xx`, … ; `429` by itself; `none` where no answer came.
    pub answer: &'static str,
}

/// How many requests, and how long their answers took to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RequestCount {
    /// Requests.
    pub requests: u64,
    /// From the request to the head of the answer, all together.
    pub waited: Duration,
}

impl Meter {
    /// Everything counted so far.
    pub fn counts(&self) -> BTreeMap<RequestKind, RequestCount> {
        self.locked().clone()
    }

    /// `transport` with each request counted.
    pub(crate) fn around(&self, transport: Transport) -> Transport {
        let meter = self.clone();
        BoxCloneSyncService::new(service_fn(move |request: Request<Body>| {
            let (meter, transport) = (meter.clone(), transport.clone());
            async move {
                let (verb, began) = (verb(&request), Instant::now());
                let answer: Result<Response<AnswerBody>, BoxError> =
                    transport.oneshot(request).await;
                let code = answer.as_ref().ok().map(|answer| answer.status().as_u16());
                meter.note(verb, code, began.elapsed());
                answer
            }
        }))
    }

    fn note(&self, verb: &'static str, code: Option<u16>, waited: Duration) {
        let answer = class(code);
        let mut counts = self.locked();
        let count = counts.entry(RequestKind { verb, answer }).or_default();
        count.requests += 1;
        count.waited += waited;
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<RequestKind, RequestCount>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn verb(request: &Request<Body>) -> &'static str {
    let query = request.uri().query().unwrap_or_default();
    match *request.method() {
        Method::GET
            if query
                .split('&')
                .any(|pair| pair == "watch=true" || pair == "watch=1") =>
        {
            "watch"
        }
        Method::GET => "read",
        Method::POST => "create",
        Method::PATCH => "patch",
        Method::PUT => "update",
        Method::DELETE => "delete",
        _ => "other",
    }
}

fn class(code: Option<u16>) -> &'static str {
    match code {
        None => "none",
        Some(429) => "429",
        Some(100..=199) => "1xx",
        Some(200..=299) => "2xx",
        Some(300..=399) => "3xx",
        Some(400..=499) => "4xx",
        Some(_) => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_verb_and_class() {
        let meter = Meter::default();
        let clone = meter.clone();
        meter.note("patch", Some(200), Duration::from_millis(2));
        clone.note("patch", Some(201), Duration::from_millis(3));
        clone.note("patch", Some(429), Duration::ZERO);
        let counts = meter.counts();
        let well = counts[&RequestKind {
            verb: "patch",
            answer: "2xx",
        }];
        assert_eq!((well.requests, well.waited), (2, Duration::from_millis(5)));
        assert_eq!(counts.len(), 2);
    }

    #[test]
    fn tells_a_watch_from_a_read() {
        let get = |uri: &str| verb(&Request::get(uri).body(Body::empty()).unwrap());
        assert_eq!(get("/api/v1/pods?watch=true&limit=5"), "watch");
        assert_eq!(get("/api/v1/pods?labelSelector=a"), "read");
    }
}
