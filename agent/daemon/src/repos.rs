//! One task per config repo: it asks for news, fetches, and tells the environments.
//!
//! Environments that follow the same repo with the same credentials share one mirror and one poll. What a
//! commit means for an environment is not known here.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use source::{Branch, Credentials, RepoUrl, Revision};
use tokio::sync::{Notify, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{journey::Fetched, metrics::Metrics};

mod opened;
mod task;
mod visits;
mod watched;
mod wishes;

use opened::Opened;
use wishes::Wishes;

pub(crate) use task::Mirrored;

/// All config repos of this process.
pub(crate) struct Repos {
    cache: PathBuf,
    metrics: Arc<Metrics>,
    tracker: TaskTracker,
    cancel: CancellationToken,
    visits: visits::Visits,
    known: Mutex<BTreeMap<RepoKey, Known>>,
}

/// A repo that somebody follows, or of which somebody holds on to the mirror.
struct Known {
    repo: Weak<Repo>,
    opened: Arc<Opened>,
}

/// Same address and same credentials: a tenant never reads what only another one's password opens.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct RepoKey {
    url: RepoUrl,
    credentials: [u8; 32],
}

/// One config repo, as environments see it. The task ends when the last of them lets go.
pub(crate) struct Repo {
    key: RepoKey,
    poke: Arc<Notify>,
    /// When somebody told of news that were not looked at yet.
    heard: Arc<Mutex<Option<SystemTime>>>,
    news: watch::Receiver<News>,
    wishes: Arc<Mutex<Wishes>>,
    asked: Arc<AtomicU64>,
    answered: watch::Receiver<u64>,
    cancel: CancellationToken,
}

/// What was seen last.
#[derive(Clone, Default)]
pub(crate) struct News {
    /// The tips that are fetched and can be read.
    pub(crate) heads: BTreeMap<Branch, Option<Revision>>,
    /// Once it could be opened, whether or not the server could be asked.
    pub(crate) mirror: Option<Arc<Mirrored>>,
    /// Why the last look failed; the heads are then those of an earlier one.
    pub(crate) fault: Option<Arc<Fault>>,
    /// What made the repo look.
    pub(crate) cause: Cause,
    /// When it looked, if it went well.
    pub(crate) fetched: Option<Fetched>,
}

/// What made a repo look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The first look.
    #[default]
    Start,
    /// The interval.
    Poll,
    /// A webhook or a changed file.
    Poke,
}

/// Why a look failed.
#[derive(Debug)]
pub(crate) struct Fault {
    /// From the closed set.
    pub(crate) reason: api::Reason,
    /// In a sentence, without any secret.
    pub(crate) message: String,
    /// True if other credentials may help.
    pub(crate) credentials: bool,
}

/// One environment's hold on a repo.
pub(crate) struct Subscription {
    id: u64,
    repo: Arc<Repo>,
    /// The branch it follows.
    pub(crate) branch: Branch,
    news: watch::Receiver<News>,
}

impl Repos {
    pub(crate) fn new(
        cache: PathBuf,
        metrics: Arc<Metrics>,
        tracker: TaskTracker,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            cache,
            metrics,
            tracker,
            cancel,
            visits: visits::Visits::new(),
            known: Mutex::default(),
        }
    }

    /// Follows `branch` of the repo, opening it if nobody does yet.
    pub(crate) fn subscribe(
        &self,
        url: &RepoUrl,
        credentials: Credentials,
        branch: Branch,
        interval: Duration,
    ) -> Subscription {
        let key = RepoKey::of(url, &credentials);
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, known| known.is_used());
        let known = all.entry(key.clone()).or_insert_with(|| {
            let cache = self.cache.join(hex(&key.credentials[..4]));
            Known {
                repo: Weak::new(),
                opened: Arc::new(Opened::new(cache, url.clone())),
            }
        });
        let repo = known.repo.upgrade().unwrap_or_else(|| {
            let repo = Arc::new(self.start(key, credentials, known.opened.clone()));
            known.repo = Arc::downgrade(&repo);
            repo
        });
        drop(all);
        Subscription::new(repo, branch, interval)
    }

    /// Tells every repo whose address `names` accepts to look now. Returns how many there are.
    pub(crate) fn poke(&self, names: impl Fn(&RepoUrl) -> bool) -> usize {
        let all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let repos = all
            .values()
            .filter_map(|known| known.repo.upgrade())
            .filter(|repo| names(&repo.key.url));
        repos.map(|repo| repo.hear()).count()
    }

    fn start(&self, key: RepoKey, credentials: Credentials, opened: Arc<Opened>) -> Repo {
        let (sender, news) = watch::channel(News::default());
        let (answers, answered) = watch::channel(0);
        let repo = Repo {
            key,
            poke: Arc::new(Notify::new()),
            heard: Arc::default(),
            news,
            wishes: Arc::default(),
            asked: Arc::default(),
            answered,
            cancel: self.cancel.child_token(),
        };
        let task = task::Task {
            url: repo.key.url.clone(),
            opened,
            credentials,
            poke: repo.poke.clone(),
            heard: repo.heard.clone(),
            wishes: repo.wishes.clone(),
            sender,
            asked: repo.asked.clone(),
            answers,
            metrics: self.metrics.clone(),
            visits: self.visits.clone(),
            cancel: repo.cancel.clone(),
        };
        self.tracker.spawn(task.run());
        repo
    }
}

impl RepoKey {
    fn of(url: &RepoUrl, credentials: &Credentials) -> Self {
        Self {
            url: url.clone(),
            credentials: credentials.digest(),
        }
    }
}

impl Known {
    fn is_used(&self) -> bool {
        // A look that is under way may be opening the mirror, and is not waited for.
        let has_task = self.repo.strong_count() > 0 || Arc::strong_count(&self.opened) > 1;
        has_task || self.opened.is_held()
    }
}

impl Repo {
    fn hear(&self) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.get_or_insert_with(SystemTime::now);
        self.poke.notify_one();
    }
}

impl Drop for Repo {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Subscription {
    fn new(repo: Arc<Repo>, branch: Branch, interval: Duration) -> Self {
        let mut wishes = repo.wishes.lock().unwrap_or_else(PoisonError::into_inner);
        let id = wishes.enter();
        drop(wishes);
        let news = repo.news.clone();
        let subscription = Self {
            id,
            repo,
            branch,
            news,
        };
        subscription.wish(interval);
        subscription
    }

    /// Wants to know this often from now on.
    pub(crate) fn wish(&self, interval: Duration) {
        let wishes = self.repo.wishes.lock();
        let mut wishes = wishes.unwrap_or_else(PoisonError::into_inner);
        if wishes.set(self.id, &self.branch, interval) {
            self.repo.poke.notify_one();
        }
    }

    /// True if what it reads is at `url`, and is read with `credentials`.
    pub(crate) fn reads(&self, url: &RepoUrl, credentials: &Credentials) -> bool {
        self.repo.key == RepoKey::of(url, credentials)
    }

    /// Waits until something was seen that was not there before.
    pub(crate) async fn changed(&mut self) {
        if self.news.changed().await.is_err() {
            // The task is gone, which happens at shutdown only: nothing more will come.
            std::future::pending::<()>().await;
        }
    }

    /// The newest news.
    pub(crate) fn news(&mut self) -> News {
        self.news.borrow_and_update().clone()
    }

    /// The mirror, once it is open.
    pub(crate) fn mirror(&self) -> Option<Arc<Mirrored>> {
        self.news.borrow().mirror.clone()
    }

    /// When the newest heads came.
    pub(crate) fn fetched(&self) -> Option<Fetched> {
        self.news.borrow().fetched
    }

    /// The newest heads of the repo by branch, without taking note of the news.
    pub(crate) fn heads(&self) -> BTreeMap<String, String> {
        let news = self.news.borrow();
        let heads = news.heads.iter();
        let heads = heads.filter_map(|(branch, head)| Some((branch.as_str(), head.as_ref()?)));
        heads
            .map(|(branch, head)| (branch.to_owned(), head.to_string()))
            .collect()
    }

    /// The newest head of the branch, without taking note of the news.
    pub(crate) fn peek(&self) -> Option<Revision> {
        self.news
            .borrow()
            .heads
            .get(&self.branch)
            .copied()
            .flatten()
    }

    /// Has the repo looked at now, and waits until that is done. A look that was under way does not count.
    pub(crate) async fn look(&mut self) {
        let ticket = self.repo.asked.fetch_add(1, Ordering::Relaxed) + 1;
        self.repo.poke.notify_one();
        let mut answered = self.repo.answered.clone();
        if answered
            .wait_for(|answered| *answered >= ticket)
            .await
            .is_err()
        {
            // The task is gone, which happens at shutdown only.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut wishes = self
            .repo
            .wishes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        wishes.leave(self.id);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
