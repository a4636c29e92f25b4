//! The life of one repo: look, fetch, tell, wait.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use cluster::Trouble;
use source::{Branch, Credentials, FetchError, Mirror, RepoUrl, Revision};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    Cause, Fault, News, Opened, Wishes,
    visits::{VisitError, Visited, Visits},
    watched,
};
use crate::{
    backoff::{Backoff, spread, until},
    journey::Fetched,
    metrics::Metrics,
};

/// The shortest time between two looks, so that a flood of webhooks costs one look in that time.
const FLOOR: Duration = Duration::from_millis(20);
/// First and longest wait after a failed look.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(2));

/// A mirror, for reading on blocking threads.
pub(crate) type Mirrored = Mirror;

/// What the task needs to live.
pub(super) struct Task {
    pub(super) url: RepoUrl,
    pub(super) opened: Arc<Opened>,
    pub(super) credentials: Credentials,
    pub(super) poke: Arc<Notify>,
    pub(super) heard: Arc<Mutex<Option<SystemTime>>>,
    pub(super) wishes: Arc<Mutex<Wishes>>,
    pub(super) sender: watch::Sender<News>,
    /// How often somebody asked for a look and waits for it.
    pub(super) asked: Arc<AtomicU64>,
    /// Up to which of them the last look answers.
    pub(super) answers: watch::Sender<u64>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) visits: Visits,
    pub(super) cancel: CancellationToken,
}

/// What is kept from one look to the next.
#[derive(Default)]
struct Known {
    /// True if the last look took long.
    was_long: bool,
    trouble: Trouble,
}

/// What a look brought.
struct Look {
    began: SystemTime,
    heads: BTreeMap<Branch, Option<Revision>>,
}

impl Task {
    /// Runs until the repo is let go.
    pub(super) async fn run(self) {
        let stop = Arc::new(AtomicBool::new(false));
        let mut watched = None;
        let seed = self.url.to_string().bytes().fold(0_u64, |seed, byte| {
            seed.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        let mut backoff = Backoff::new(RETRY.0, RETRY.1, seed);
        let mut known = Known::default();
        let mut cause = Cause::Start;
        loop {
            let asked = self.asked.load(Ordering::Relaxed);
            let (branches, interval) = self
                .wishes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .summary();
            let wait = match branches.is_empty() {
                true => None,
                false => Some(match self.look(&mut known, branches, cause, &stop).await {
                    true => {
                        backoff.reset();
                        spread(interval.unwrap_or(RETRY.1), seed)
                    }
                    false => backoff.next(),
                }),
            };
            let looked = Instant::now();
            self.answers.send_replace(asked);
            let mirror = self.sender.borrow().mirror.clone();
            if let (Some(mirror), None) = (mirror, &watched) {
                watched = watched::watch(&mirror, self.poke.clone());
            }
            tokio::select! {
                () = self.cancel.cancelled() => break,
                () = until(wait.map(|wait| Instant::now() + wait)) => cause = Cause::Poll,
                () = self.poke.notified() => cause = Cause::Poke,
            }
            // The first of many pokes is not made to wait for the others.
            tokio::time::sleep_until(looked + FLOOR).await;
        }
        stop.store(true, Ordering::Relaxed);
    }

    /// Looks once and tells. True if it went well.
    async fn look(
        &self,
        known: &mut Known,
        branches: BTreeSet<Branch>,
        cause: Cause,
        stop: &Arc<AtomicBool>,
    ) -> bool {
        let (credentials, opened) = (self.credentials.clone(), self.opened.clone());
        let stop = stop.clone();
        let heard = self
            .heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let work = self.visits.run(known.was_long, move || {
            visit(&opened, &credentials, &branches, &stop)
        });
        let result = tokio::select! {
            () = self.cancel.cancelled() => return false,
            result = work => result.map(|Visited { out, was_long }| {
                known.was_long = was_long;
                out
            }),
        };
        let (mirror, result) = match result {
            Ok((mirror, result)) => (mirror, result.map_err(LookError::fault)),
            Err(error) => (None, Err(self.broke_off(&error))),
        };
        self.metrics.look(result.is_ok());
        match result {
            Ok(look) => {
                if let Some(tries) = known.trouble.over() {
                    tracing::info!(url = %self.url, tries, "looks at the config repo again");
                }
                let fetched = Fetched {
                    heard: heard.unwrap_or(look.began),
                    from: look.began,
                    to: SystemTime::now(),
                };
                self.tell(|news| news.succeed(look, mirror, cause, fetched));
                true
            }
            Err(fault) => {
                if known.trouble.is_news(&fault.message) {
                    tracing::warn!(url = %self.url, reason = %fault.reason, error = %fault.message, "cannot look at the config repo; trying again");
                }
                self.tell(|news| news.fail(fault, mirror));
                false
            }
        }
    }

    /// Why nobody has looked.
    fn broke_off(&self, error: &VisitError) -> Fault {
        Fault {
            reason: api::Reason::FetchFailed,
            message: format!("{}: {}", self.url, crate::chain::text(error)),
            credentials: false,
        }
    }

    /// Tells the environments if there is anything new.
    fn tell(&self, change: impl FnOnce(&mut News) -> bool) {
        self.sender.send_if_modified(change);
    }
}

/// Looks at the repo. The mirror is there also where the server cannot be asked: what was fetched before can be read. Blocks.
fn visit(
    opened: &Opened,
    credentials: &Credentials,
    branches: &BTreeSet<Branch>,
    stop: &AtomicBool,
) -> (Option<Arc<Mirror>>, Result<Look, LookError>) {
    let began = SystemTime::now();
    match opened.mirror() {
        Err(error) => (None, Err(LookError::Open(error))),
        Ok(mirror) => {
            let heads = bring(&mirror, credentials, branches, stop);
            let look = heads.map(|heads| Look { began, heads });
            (Some(mirror), look.map_err(LookError::Fetch))
        }
    }
}

/// Asks the server for the tips of `branches` and fetches what is missing.
fn bring(
    mirror: &Mirror,
    credentials: &Credentials,
    branches: &BTreeSet<Branch>,
    stop: &AtomicBool,
) -> Result<BTreeMap<Branch, Option<Revision>>, FetchError> {
    let heads = mirror.look(credentials, branches, stop)?;
    let heads_there = heads
        .iter()
        .filter_map(|(branch, head)| Some((branch.clone(), (*head)?)));
    // Asks for nothing that is here already; also heals what a reader found spoiled.
    mirror.fetch(credentials, &heads_there.collect(), stop)?;
    Ok(heads)
}

impl News {
    fn succeed(
        &mut self,
        look: Look,
        mirror: Option<Arc<Mirror>>,
        cause: Cause,
        fetched: Fetched,
    ) -> bool {
        let moved = self.heads != look.heads;
        let new = moved || self.fault.is_some() || self.mirror.is_none();
        *self = Self {
            heads: look.heads,
            mirror,
            fault: None,
            cause,
            // A later look that finds nothing says nothing about the commit that is there.
            fetched: Some(fetched).filter(|_| moved).or(self.fetched),
        };
        new
    }

    fn fail(&mut self, fault: Fault, mirror: Option<Arc<Mirror>>) -> bool {
        let same = self
            .fault
            .as_ref()
            .is_some_and(|old| old.message == fault.message);
        self.fault = Some(Arc::new(fault));
        self.mirror = mirror.or(self.mirror.take());
        !same
    }
}

/// Why a look failed.
enum LookError {
    Open(source::OpenError),
    Fetch(FetchError),
}

impl LookError {
    fn fault(self) -> Fault {
        let (reason, error): (_, &dyn std::error::Error) = match &self {
            Self::Open(error) => (api::Reason::FetchFailed, error),
            Self::Fetch(error) => (fetch_reason(error.reason()), error),
        };
        let hint = match &self {
            Self::Open(_) => None,
            Self::Fetch(error) => error.hint(),
        };
        let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        let credentials = match &self {
            Self::Open(_) => false,
            Self::Fetch(error) => error.reason().is_about_credentials(),
        };
        Fault {
            reason,
            message: crate::chain::text(error) + &hint,
            credentials,
        }
    }
}

/// The word in conditions for a failed look.
fn fetch_reason(reason: source::Reason) -> api::Reason {
    match reason {
        source::Reason::AuthenticationFailed
        | source::Reason::AccessDenied
        | source::Reason::CredentialsUnusable
        | source::Reason::HostKeyRefused => api::Reason::AuthenticationFailed,
        _ => api::Reason::FetchFailed,
    }
}
