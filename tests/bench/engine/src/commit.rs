//! From a commit to the first write and to the last, by way of a file watch or of a webhook.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, ensure};
use e2e::{Agent, AgentOptions, Shop, World};
use jiff::Timestamp;
use lab::{
    GitHttp,
    audit::{Entries, Mark},
    git::HttpOptions,
};
use serde_json::json;

use crate::{
    load::{Object, RESOURCES, commit, objects},
    table::{Table, millis, percentile},
};

/// The branch that is deployed.
const BRANCH: &str = "master";
/// Where a commit is made ready, so that writing its files is no part of the time.
const DRAFT: &str = "draft";
/// Signs webhooks.
const SECRET: &str = "benchmark";
/// After this the last writes of a pass have ended.
const SETTLE: Duration = Duration::from_secs(1);

/// How the agent learns of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By watching the files of a repository on this machine.
    File,
    /// By a webhook, and fetching over http.
    Webhook,
}

/// One Environment with its repo and agent.
pub(crate) struct Site {
    /// The Environment.
    pub(crate) shop: Shop,
    /// The agent that cares for it alone.
    pub(crate) agent: Agent,
    /// What the repo holds.
    pub(crate) objects: Vec<Object>,
    /// How the agent learns of commits.
    pub(crate) way: Way,
    server: Option<GitHttp>,
}

/// What one commit took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial {
    /// To the arrival of the first write of an object of the commit.
    pub(crate) first: Duration,
    /// To the answer to the last.
    pub(crate) all: Duration,
}

impl Site {
    /// One object is there and all is quiet; commits will have `count`.
    pub(crate) async fn start(world: &'static World, way: Way, count: usize) -> Result<Self> {
        let shop = Shop::within(world, "bench").await?;
        let id = shop.repo.commit(commit(BRANCH, &objects(1), "seed"))?;
        let server = match way {
            Way::File => None,
            Way::Webhook => {
                let root = shop.repo.path().parent().context("no folder")?;
                Some(GitHttp::start(root, HttpOptions::plain()).await?)
            }
        };
        let options = AgentOptions {
            log: "info".to_owned(),
            webhook_secret: Some(SECRET.to_owned()),
            ..AgentOptions::alone(&shop.namespace)
        };
        let agent = Agent::start(world, options)?;
        let site = Self {
            shop,
            agent,
            objects: objects(count),
            way,
            server,
        };
        let spec = site
            .url()
            .map_or(json!({}), |url| json!({ "source": { "url": url } }));
        site.shop.environment(spec).await?;
        site.applied(&id).await?;
        Ok(site)
    }

    /// Commits that change every object; the first one makes them.
    pub(crate) async fn commits(&mut self, count: usize) -> Result<Vec<Trial>> {
        let mut trials = Vec::new();
        for round in 0..count {
            trials.push(self.trial(&format!("v{round}")).await?);
        }
        Ok(trials)
    }

    /// Waits until `id` is applied.
    pub(crate) async fn applied(&self, id: &str) -> Result<()> {
        let what = format!("{id} applied");
        let applied = self.shop.status(&what, |status| {
            status.revision.applied.as_deref() == Some(id)
        });
        applied.await?;
        tokio::time::sleep(SETTLE).await; // sleeps so that nothing is left of one measurement in the next
        Ok(())
    }

    async fn trial(&self, value: &str) -> Result<Trial> {
        self.shop.repo.branch(DRAFT, BRANCH)?;
        let id = self.shop.repo.commit(commit(DRAFT, &self.objects, value))?;
        tokio::time::sleep(SETTLE).await; // sleeps so that making the commit is no part of what is measured
        let mark = self.shop.mark()?;
        self.shop.repo.branch(BRANCH, DRAFT)?;
        let moved = self.moved()?;
        self.poke().await?;
        self.applied(&id).await?;
        let writes = self.writes(mark)?;
        let names: BTreeSet<_> = writes.iter().map(|entry| &entry.name).collect();
        ensure!(
            names.len() == self.objects.len() && writes.len() == names.len(),
            "{} writes of {} objects for {}",
            writes.len(),
            names.len(),
            self.objects.len()
        );
        let first = writes.iter().map(|entry| entry.received).min();
        let last = writes.iter().map(|entry| entry.written).max();
        Ok(Trial {
            first: since(moved, first.context("no write")?)?,
            all: since(moved, last.context("no write")?)?,
        })
    }

    /// When the branch came to its commit: the ref is a file, and git has just written it.
    fn moved(&self) -> Result<Timestamp> {
        let path = self.shop.repo.path().join("refs/heads").join(BRANCH);
        let written: SystemTime = std::fs::metadata(path)?.modified()?;
        Ok(Timestamp::try_from(written)?)
    }

    async fn poke(&self) -> Result<()> {
        let Some(url) = self.url() else { return Ok(()) };
        let hook = format!("http://127.0.0.1:{}/hooks/git", self.agent.port);
        let body = json!({ "repository": { "clone_url": url } }).to_string();
        let client = reqwest::Client::builder().no_proxy().build()?;
        let request = client
            .post(hook)
            .header("x-gitlab-token", SECRET)
            .body(body);
        request.send().await?.error_for_status()?;
        Ok(())
    }

    fn url(&self) -> Option<String> {
        self.server.as_ref().map(|server| server.url("config.git"))
    }

    /// The agent's writes of objects of the repo.
    fn writes(&self, mark: Mark) -> Result<Entries> {
        let ours = |resource: &str| RESOURCES.contains(&resource);
        let writes = self.shop.requests(mark)?.writes();
        Ok(writes.only(|entry| ours(&entry.resource) && entry.succeeded()))
    }
}

impl Way {
    /// As tables say it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::File => "file://",
            Self::Webhook => "http + webhook",
        }
    }
}

/// The table of commits.
pub(crate) fn table() -> Table {
    let title = "Commit to cluster (create: the first commit; change: p50 of the others; all objects are written)";
    Table::new(
        title,
        [
            "way",
            "objects",
            "commits",
            "first write p50",
            "create: all",
            "bare loop",
            "ratio",
            "change: all",
            "bare loop",
            "ratio",
        ],
    )
}

/// Its line for one site.
pub(crate) fn row(table: &mut Table, site: &Site, trials: &[Trial], bare: &[Duration]) {
    let firsts: Vec<_> = trials.iter().map(|trial| trial.first).collect();
    let all: Vec<_> = trials.iter().map(|trial| trial.all).collect();
    let create = (all.first(), bare.first());
    let change = (
        percentile(all.get(1..).unwrap_or_default(), 50),
        percentile(bare.get(1..).unwrap_or_default(), 50),
    );
    let (create, bare_create) = (
        create.0.copied().unwrap_or_default(),
        create.1.copied().unwrap_or_default(),
    );
    let ratio =
        |ours: Duration, bare: Duration| format!("{:.2}", ours.as_secs_f64() / bare.as_secs_f64());
    table.row(vec![
        site.way.name().to_owned(),
        site.objects.len().to_string(),
        trials.len().to_string(),
        millis(percentile(&firsts, 50)),
        millis(create),
        millis(bare_create),
        ratio(create, bare_create),
        millis(change.0),
        millis(change.1),
        ratio(change.0, change.1),
    ]);
}

/// The time from `start` to `end`.
pub(crate) fn since(start: Timestamp, end: Timestamp) -> Result<Duration> {
    let time = end.duration_since(start);
    Duration::try_from(time).with_context(|| format!("{end} is before {start}"))
}
