//! Jobs that are run for the numbers of a rollout: hears what came of them, makes those that are due, and takes away
//! what is over.
//!
//! Nothing waits here. A Job stands in the inventory before it is made and is found there again after whatever happened;
//! that it has ended is an event of the watch. Which number is due when, and what one means, is `rollout`'s to say, and
//! its state says which Jobs are counted. So all that is written down of one before it is made is that it will be: what
//! came of it goes into the record together with the next, or once no more are wanted.

use std::time::Duration;

use cluster::Propagation;
use jiff::Timestamp;
use krm::{Gvk, ObjectId};
use plan::{
    health::Health,
    hooks::{self, Standing},
    inventory::{Entry, HookRun},
};
use rollout::{
    State,
    job::{self, Occasion},
    judge::{Missing, Numbers, Reading},
    observe::Sample,
    strategy::{Source, analysis::Job},
    wish::Check,
};
use serde_json::Value;

use super::{Look, Pass};
use crate::{
    measure::Versions,
    pass::{hooks::log, scopes::Kinds},
};

mod make;

/// How long after its deadline a Job is still waited for: whoever ends it may be late.
const GRACE: Duration = Duration::from_secs(10);
/// When to try again what the API server has not answered.
const AGAIN: Duration = Duration::from_secs(5);
/// So many Jobs of one metric that cannot be deleted are enough: no more are made.
const LEFT: usize = 3;

/// What this pass knows of Jobs for numbers.
#[derive(Default)]
pub(in crate::pass) struct Sampling {
    /// True once the rollout was looked at, and what it counted is written down. Not of a look that decides nothing: what
    /// was wished for before it may not be wished for after it.
    looked: bool,
    /// What was told to the rollout in this pass, and whether it ended well.
    heard: Vec<(ObjectId, bool)>,
    /// The numbers that it wants to know.
    wanted: Vec<Wanted>,
}

/// A number that is wanted.
struct Wanted {
    key: String,
    metric: String,
    job: Job,
    due: Timestamp,
    /// When the last Job that is counted was due.
    counted: Option<Timestamp>,
    /// Where it is run.
    namespace: String,
    /// Which strategy and field asks for it, for people.
    asks: String,
    /// The Job, but for its name.
    body: Result<Value, String>,
}

/// What there is to say of a Job.
enum Said {
    /// It is at work, or about to be made.
    Nothing,
    /// How it ended.
    Number(Result<Numbers, Missing>),
    /// It is no more.
    Gone,
}

/// What came of a Job, and the end of its log.
type Heard = (Result<Numbers, Missing>, Vec<String>);

impl Wanted {
    /// True for a Job that is counted, and that somebody did not live to take away.
    fn has_counted(&self, run: &HookRun) -> bool {
        self.key == run.release && self.counted.is_some_and(|last| last >= span(run).0)
    }
}

impl Pass<'_> {
    /// The numbers that Jobs have come to.
    pub(super) async fn job_numbers(&mut self) -> Vec<Sample> {
        let mut open = self.sample_runs();
        open.retain(|(_, entry)| run_of(entry).is_some_and(|run| run.ended.is_none()));
        if open.is_empty() || self.watch_jobs().await.is_none() {
            return Vec::new();
        }
        let mut samples = Vec::new();
        for (id, entry) in open {
            if let Some(run) = run_of(&entry)
                && let Some((answer, log)) = self.heard(&id, &entry, run).await
            {
                let well = matches!(&answer, Ok(numbers) if numbers.canary > 0.0);
                tracing::info!(environment = %self.key, job = %id, well, "a Job for a number has ended");
                samples.push(Sample {
                    key: run.release.clone(),
                    at: span(run).0,
                    reading: Reading {
                        query: id.to_string(),
                        answer,
                        log,
                    },
                });
                self.sampling.heard.push((id, well));
            }
        }
        samples
    }

    /// What came of one Job, and what it said; nothing while it is at work.
    async fn heard(&self, id: &ObjectId, entry: &Entry, run: &HookRun) -> Option<Heard> {
        let answer = match self.says(id, entry) {
            Said::Number(answer) => answer,
            Said::Nothing if Timestamp::now() > later(span(run).1, GRACE) => Err(Missing::Timeout),
            Said::Nothing => return None,
            Said::Gone => {
                let why = "its Job was deleted before it ended".to_owned();
                return Some((Err(Missing::Error(why)), Vec::new()));
            }
        };
        let log = log::tail(&self.acting, &id.namespace, &id.name).await;
        Some((answer, log))
    }

    /// Takes note of the numbers that `checks` want of Jobs. Says when to see to them even if nothing happens.
    pub(super) fn want_jobs(
        &mut self,
        checks: &[Check],
        state: &State,
        versions: &[Versions],
        look: &Look,
    ) -> Option<Timestamp> {
        let now = self.now();
        let on = self.occasion(state, versions);
        let mut wanted = Vec::new();
        for check in checks {
            let Source::Job(job) = &check.metric.from else {
                continue;
            };
            let field = match &job.template {
                Some(template) => format!("from.job.template {template}"),
                None => "from.job.spec".to_owned(),
            };
            let (name, metric) = (&look.chosen.name, &check.metric.name);
            wanted.push(Wanted {
                key: check.key.clone(),
                metric: metric.clone(),
                job: job.clone(),
                due: check.due,
                counted: check.last,
                namespace: on.namespace.clone(),
                asks: format!(
                    "Strategy {}/{name}, metric {metric}, {field}",
                    self.key.namespace
                ),
                body: job.body("", &look.new, &on),
            });
        }
        let heard = |id: &ObjectId| self.sampling.heard.iter().any(|(known, _)| known == id);
        let counted = |run: &HookRun| wanted.iter().any(|one| one.has_counted(run));
        let runs = self.sample_runs();
        let open = runs.iter().filter(|(id, _)| !heard(id));
        let open = open.filter_map(|(_, entry)| run_of(entry));
        let open: Vec<&HookRun> = open
            .filter(|run| run.ended.is_none() && !counted(run))
            .collect();
        let is_open = |key: &String| open.iter().any(|run| run.release == *key);
        let due = wanted
            .iter()
            .filter(|one| !is_open(&one.key) && one.due > now);
        let due = due.map(|one| one.due);
        let over = open.iter().map(|run| later(span(run).1, GRACE));
        let over = over.filter(|over| *over > now);
        let wake = due.chain(over).min();
        self.sampling.wanted = wanted;
        self.sampling.looked = !self.is_resumed();
        wake
    }

    /// Makes the Jobs that are due, and takes away those that are over.
    pub(in crate::pass) async fn run_jobs(&mut self) {
        let sampling = std::mem::take(&mut self.sampling);
        let over = self.over(&sampling);
        let is_due = sampling.looked && self.is_due(&sampling.wanted);
        let rests = sampling.wanted.is_empty();
        if !self.context.fence.holds() || (over.is_empty() && !is_due && !rests) {
            return;
        }
        if over.is_empty() && !is_due {
            self.write_late().await;
            return;
        }
        // What has stopped the pass before is what is told.
        let stop = self.outcome.stop.take();
        // What was looked at may be gone since.
        let aims = sampling.looked && self.state.aim.is_some();
        if (aims || (self.aim().await.is_some() && self.take_rights()))
            && let Some(kinds) = self.watch_jobs().await
        {
            let carrier = self.carrier(&kinds);
            for (id, well) in sampling.heard.iter().filter(|_| sampling.looked) {
                self.note_end(id, *well);
            }
            for id in &over {
                self.remove_run(id, Propagation::Background, &carrier).await;
            }
            let due = self.enter(sampling.wanted);
            if self.store().await {
                for due in due {
                    self.make(due, &kinds, &carrier).await;
                }
            }
            if rests {
                self.write_late().await;
            }
        }
        self.outcome.stop = stop.or(self.outcome.stop.take());
    }

    /// Writes down what came of the last Jobs, if that was not done.
    async fn write_late(&mut self) {
        if let Some(ledger) = &mut self.state.ledger
            && ledger.inventory.is_late()
        {
            ledger.inventory.wait_no_longer();
            self.store().await;
        }
    }

    /// Sees to it that Jobs are watched. `None` if they cannot be.
    async fn watch_jobs(&self) -> Option<Kinds> {
        let mut kinds = Kinds::default();
        let wanted = [gvk()].into_iter().collect();
        kinds.learn(&self.target().cluster, wanted).await;
        let resources = kinds.resources();
        let faults = self.target().live.follow(&resources).await;
        (!resources.is_empty() && faults.is_empty()).then_some(kinds)
    }

    /// What a Job says by how it stands.
    fn says(&self, id: &ObjectId, entry: &Entry) -> Said {
        let live = &self.target().live;
        let snapshot = live.snapshot(std::iter::once(id));
        let known = snapshot.known(id).map(|known| &known.facts);
        let health: Health = live.health(id);
        match hooks::standing(Some(entry), known, health.status) {
            Standing::Waiting | Standing::Running => Said::Nothing,
            Standing::Done | Standing::Failed => {
                let same =
                    known.filter(|known| entry.uid.as_ref().is_none_or(|uid| *uid == known.uid));
                let number = same.and_then(|_| job::number(&health));
                number.map_or(Said::Gone, Said::Number)
            }
        }
    }

    /// What Jobs are told that they are run for.
    fn occasion(&self, state: &State, versions: &[Versions]) -> Occasion {
        let target = state.rollout.as_ref().map(|rollout| &rollout.target);
        let target = target.or(state.good.as_ref()).cloned().unwrap_or_default();
        let led = versions.first().map(|version| version.namespaces.0.clone());
        // Where two namespaces take turns and no route leads to either.
        let toward = state.rollout.as_ref().filter(|_| !super::bakes(state));
        let toward = toward.and_then(|rollout| rollout.side.clone());
        let place = led.or(toward).or_else(|| state.side.clone());
        Occasion {
            environment: self.key.to_string(),
            release: target.release,
            revision: target.commit,
            weight: state.rollout.as_ref().map_or(100, |rollout| rollout.weight),
            namespace: place.unwrap_or_else(|| self.namespace().to_owned()),
            workloads: versions.iter().map(|one| one.canary.0.clone()).collect(),
            services: versions.iter().map(|one| one.canary.1.clone()).collect(),
        }
    }

    /// Jobs for numbers that are in the inventory.
    fn sample_runs(&self) -> Vec<(ObjectId, Entry)> {
        let ledger = self.state.ledger.iter();
        let runs = ledger.flat_map(|ledger| hooks::samples(&ledger.inventory));
        runs.map(|(id, entry, _)| (id.clone(), entry.clone()))
            .collect()
    }

    /// What is of no use any more. A pass that did not get as far as to look at the rollout knows only that none is.
    fn over(&self, sampling: &Sampling) -> Vec<ObjectId> {
        let is_rolling = || {
            self.stored_rollout()
                .is_some_and(|state| state.rollout.is_some())
        };
        let is_over = |(id, entry): &(ObjectId, Entry)| {
            let Some(run) = run_of(entry) else {
                return false;
            };
            let heard = || sampling.heard.iter().any(|(known, _)| known == id);
            let open = |one: &Wanted| one.key == run.release && !one.has_counted(run);
            let wanted = || sampling.wanted.iter().any(open);
            match sampling.looked {
                true => run.ended.is_some() || heard() || !wanted(),
                false => !is_rolling(),
            }
        };
        let runs = self.sample_runs().into_iter();
        runs.filter(is_over).map(|(id, _)| id).collect()
    }

    /// True if one is to be made, as far as that can be told before anything is done.
    fn is_due(&self, wanted: &[Wanted]) -> bool {
        let now = self.now();
        wanted.iter().any(|one| match self.open(&one.key) {
            Some((_, entry)) => entry.uid.is_none(),
            None => one.due <= now,
        })
    }

    /// The Job of `key` that has not ended.
    fn open(&self, key: &str) -> Option<(ObjectId, Entry)> {
        let mut runs = self.sample_runs().into_iter();
        runs.find(|(_, entry)| {
            let run = run_of(entry);
            run.is_some_and(|run| run.release == key && run.ended.is_none())
        })
    }

    fn note_end(&mut self, id: &ObjectId, well: bool) {
        if let Some(ledger) = &mut self.state.ledger {
            ledger.inventory.ended(id, well);
        }
    }
}

fn gvk() -> Gvk {
    Gvk::new("batch/v1", "Job")
}

fn run_of(entry: &Entry) -> Option<&HookRun> {
    entry.hook.as_deref()
}

/// When its number was due, and until when it means anything; without that, nothing is expected of it any more.
fn span(run: &HookRun) -> (Timestamp, Timestamp) {
    run.span.unwrap_or((Timestamp::MIN, Timestamp::MIN))
}

fn later(at: Timestamp, after: Duration) -> Timestamp {
    at.saturating_add(after).unwrap_or(Timestamp::MAX)
}
