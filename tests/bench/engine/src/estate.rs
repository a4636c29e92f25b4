//! Many Environments on one repo, served over http, and the one agent that cares for them.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use e2e::{Agent, AgentOptions, PATIENCE, Shop, World};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use lab::{
    Commit, GitHttp,
    audit::{Entries, Entry, Mark},
    git::HttpOptions,
};
use serde_json::{Value, json};

use crate::load::{Object, RESOURCES, files, named};

/// The branch that is deployed.
const BRANCH: &str = "master";
/// Where commits are made ready, so that writing their files is no part of the time.
const DRAFT: &str = "draft";
/// Signs webhooks.
const SECRET: &str = "benchmark";
/// Longer than anything takes on a busy machine.
const LONGEST: Duration = Duration::from_mins(40);
/// Nothing asked for so long is quiet.
const QUIET: Duration = Duration::from_secs(4);
/// How often the audit log is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Environments made at once.
const AT_ONCE: usize = 16;

/// How many of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Environments.
    pub(crate) environments: usize,
    /// Objects of each.
    pub(crate) objects: usize,
}

/// It.
pub(crate) struct Estate {
    /// Where everything is.
    pub(crate) shop: Shop,
    /// How much of it.
    pub(crate) shape: Shape,
    /// The agent.
    pub(crate) agent: Agent,
    server: GitHttp,
}

/// What happened from a moment on until all was quiet again.
pub(crate) struct Seen {
    /// When it began.
    pub(crate) began: Timestamp,
    /// All the agent's requests but watches and lease renewals.
    pub(crate) work: Entries,
    /// Processor time of the agent.
    pub(crate) processor: Duration,
    /// Requests to the Git server.
    pub(crate) git_requests: usize,
    /// What it answered.
    pub(crate) git_bytes: usize,
}

impl Shape {
    /// In all.
    pub(crate) const fn all(self) -> usize {
        self.environments * self.objects
    }

    /// As tables say it.
    pub(crate) fn name(self) -> String {
        format!("{} × {}", self.environments, self.objects)
    }
}

impl Estate {
    /// An agent without any Environment, and a repo with a commit in which every object has `value`.
    pub(crate) async fn start(world: &'static World, shape: Shape, value: &str) -> Result<Self> {
        let shop = Shop::within(world, "estate").await?;
        let root = shop.repo.path().parent().context("no folder")?;
        let server = GitHttp::start(root, HttpOptions::plain()).await?;
        let agent = Agent::start(world, options(&shop.namespace))?;
        let estate = Self {
            shop,
            shape,
            agent,
            server,
        };
        estate.commit(0..shape.environments, value)?;
        estate.publish()?;
        Ok(estate)
    }

    /// Makes the Environments, each with what `extra` says of it.
    pub(crate) async fn environments(&self, extra: impl Fn(usize) -> Value) -> Result<()> {
        let api = self.shop.environments();
        let params = PatchParams::apply("bench").force();
        let url = self.server.url("config.git");
        let make = |number: usize| {
            let (api, params, name) = (api.clone(), params.clone(), name(number));
            let mut spec = json!({
                "source": { "url": url, "branch": BRANCH, "path": folder(number) },
                "interval": "20s",
                // There are no controllers, and nothing is to be told of that in a quiet time.
                "timeout": "24h",
            });
            if let (Some(spec), Value::Object(extra)) = (spec.as_object_mut(), extra(number)) {
                spec.extend(extra);
            }
            let object = json!({
                "apiVersion": "driftless.dev/v1alpha1", "kind": "Environment",
                "metadata": { "name": name }, "spec": spec,
            });
            async move { api.patch(&name, &params, &Patch::Apply(object)).await }
        };
        let requests: Vec<_> = (0..self.shape.environments).map(make).collect();
        let made = stream::iter(requests).buffer_unordered(AT_ONCE);
        made.try_for_each(|_| async { Ok(()) }).await?;
        Ok(())
    }

    /// Moves the branch to what was committed.
    pub(crate) fn publish(&self) -> Result<()> {
        Ok(self.shop.repo.branch(BRANCH, DRAFT)?)
    }

    /// Makes ready a commit that gives every object of these Environments `value`.
    pub(crate) fn commit(&self, which: impl Iterator<Item = usize>, value: &str) -> Result<()> {
        let mut commit = Commit::on(DRAFT, &format!("value {value}"));
        for number in which {
            for (path, text) in files(&self.objects(number), value) {
                commit = commit.write(&format!("{}/{path}", folder(number)), text);
            }
        }
        self.shop.repo.commit(commit)?;
        Ok(())
    }

    /// The same for one object.
    pub(crate) fn commit_one(&self, number: usize, value: &str) -> Result<()> {
        let object = self.objects(number).swap_remove(0);
        let path = format!("{}/{}.yaml", folder(number), object.name);
        let commit = Commit::on(DRAFT, &format!("{} {value}", object.name));
        let text = format!("{:#}\n", object.body(value));
        self.shop.repo.commit(commit.write(&path, text))?;
        Ok(())
    }

    /// Makes ready a commit with any content.
    pub(crate) fn write(&self, number: usize, file: &str, text: &str) -> Result<()> {
        let path = format!("{}/{file}", folder(number));
        let commit = Commit::on(DRAFT, "a change").write(&path, text);
        self.shop.repo.commit(commit)?;
        Ok(())
    }

    /// The objects of one Environment.
    pub(crate) fn objects(&self, number: usize) -> Vec<Object> {
        named(&format!("{}-", name(number)), self.shape.objects)
    }

    /// Does something, tells the agent of a commit, and watches until `objects` were written and all is quiet.
    pub(crate) async fn watch(
        &self,
        objects: usize,
        act: impl AsyncFnOnce() -> Result<()>,
    ) -> Result<Seen> {
        self.server.forget_requests();
        let mut mark = self.shop.mark()?;
        let processor = self.agent.process.processor_time();
        let began = Timestamp::now();
        act().await?;
        self.poke().await?;
        let work = self.until_quiet(&mut mark, objects).await?;
        let git = self.server.requests();
        Ok(Seen {
            began,
            work,
            processor: self
                .agent
                .process
                .processor_time()
                .saturating_sub(processor),
            git_requests: git.len(),
            git_bytes: git.iter().map(|request| request.bytes).sum(),
        })
    }

    /// Ends the agent, starts another in its place, and watches until it has nothing more to do.
    pub(crate) async fn restart(&mut self) -> Result<Seen> {
        self.agent.process.terminate();
        self.agent.process.wait(PATIENCE).await?;
        self.server.forget_requests();
        let mut mark = self.shop.mark()?;
        let began = Timestamp::now();
        self.agent = Agent::start(self.shop.world, options(&self.shop.namespace))?;
        let work = self.until_quiet(&mut mark, 0).await?;
        let git = self.server.requests();
        Ok(Seen {
            began,
            work,
            processor: self.agent.process.processor_time(),
            git_requests: git.len(),
            git_bytes: git.iter().map(|request| request.bytes).sum(),
        })
    }

    /// The agent's requests but watches and lease renewals in that time.
    pub(crate) async fn quiet(&self, time: Duration) -> Result<Entries> {
        let mut mark = self.shop.mark()?;
        tokio::time::sleep(time).await; // sleeps because quiet time is what is measured
        Ok(self.take(&mut mark)?.work())
    }

    async fn until_quiet(&self, mark: &mut Mark, objects: usize) -> Result<Entries> {
        let (since, mut last) = (Instant::now(), Instant::now());
        let mut processor = self.agent.process.processor_time();
        let mut all = Entries::default();
        let mut names = BTreeSet::new();
        loop {
            tokio::time::sleep(LOOK).await; // sleeps so that looking costs little of what is measured
            let new = self.take(mark)?.work();
            let used = self.agent.process.processor_time();
            if !new.is_empty() || used.saturating_sub(processor) > LOOK / 2 {
                last = Instant::now();
            }
            processor = used;
            names.extend(written(&new).iter().map(|entry| entry.name.clone()));
            all.extend(new);
            if names.len() >= objects && last.elapsed() > QUIET {
                return Ok(all);
            }
            if since.elapsed() > LONGEST || !self.agent.process.running() {
                bail!(
                    "{} of {objects} objects:\n{}",
                    names.len(),
                    self.agent.process.tail()
                );
            }
        }
    }

    fn take(&self, mark: &mut Mark) -> Result<Entries> {
        let all = self.shop.world.control_plane.audit().take(mark)?;
        Ok(all.only(|entry| entry.user_agent.contains(&self.shop.namespace)))
    }

    async fn poke(&self) -> Result<()> {
        let hook = format!("http://127.0.0.1:{}/hooks/git", self.agent.port);
        let body = json!({ "repository": { "clone_url": self.server.url("config.git") } });
        let client = reqwest::Client::builder().no_proxy().build()?;
        let request = client
            .post(hook)
            .header("x-gitlab-token", SECRET)
            .body(body.to_string());
        request.send().await?.error_for_status()?;
        Ok(())
    }
}

impl Seen {
    /// To the answer to the last write of an object.
    pub(crate) fn all(&self) -> Result<Duration> {
        let last = written(&self.work).iter().map(|entry| entry.written).max();
        crate::commit::since(self.began, last.context("no object was written")?)
    }

    /// From the arrival of the first write of an object to the answer to the last.
    pub(crate) fn writing(&self) -> Result<Duration> {
        let first = written(&self.work).iter().map(|entry| entry.received).min();
        let first = first.context("no object was written")?;
        Ok(self
            .all()?
            .saturating_sub(crate::commit::since(self.began, first)?))
    }

    /// To the answer to the last write of an object of each Environment.
    pub(crate) fn each(&self, environments: impl Iterator<Item = usize>) -> Result<Vec<Duration>> {
        let written = written(&self.work);
        let last = |number: usize| {
            let prefix = format!("{}-", name(number));
            let mine = written
                .iter()
                .filter(|entry| entry.name.starts_with(&prefix));
            let last = mine.map(|entry| entry.written).max();
            crate::commit::since(
                self.began,
                last.with_context(|| format!("{prefix} wrote nothing"))?,
            )
        };
        environments.map(last).collect()
    }

    /// How many requests are reads.
    pub(crate) fn reads(&self) -> usize {
        self.work.iter().filter(|entry| !entry.is_write()).count()
    }

    /// How many are writes.
    pub(crate) fn writes(&self) -> usize {
        self.work.iter().filter(|entry| entry.is_write()).count()
    }
}

/// Good writes of objects of the repo.
fn written(entries: &[Entry]) -> Vec<&Entry> {
    let ours = |entry: &&Entry| RESOURCES.contains(&&*entry.resource);
    let entries = entries.iter().filter(ours);
    entries
        .filter(|entry| entry.is_write() && !entry.dry_run && entry.succeeded())
        .collect()
}

fn options(namespace: &str) -> AgentOptions {
    AgentOptions {
        log: "warn".to_owned(),
        webhook_secret: Some(SECRET.to_owned()),
        ..AgentOptions::alone(namespace)
    }
}

/// The name of an Environment.
pub(crate) fn name(number: usize) -> String {
    format!("e{number:04}")
}

fn folder(number: usize) -> String {
    format!("environments/{}", name(number))
}
