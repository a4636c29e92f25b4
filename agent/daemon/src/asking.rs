//! Takes the samples that a rollout has asked for, each when it is due, and hands them to the environment's actor.
//!
//! Nothing waits for a server here but a task of its own; what comes in wakes the actor.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use rollout::{
    judge::{self, Reading, Verdict},
    observe::Sample,
    strategy::{Metric, Source},
    wish::Check,
};
use tokio::{sync::Notify, task::AbortHandle};

use crate::measure::{Measures, Versions};

/// The questions of one environment.
pub(crate) struct Asking {
    measures: Measures,
    answers: Arc<Answers>,
    /// By the key of the check: the task that asks it.
    asked: BTreeMap<String, AbortHandle>,
}

/// What came in since somebody last looked.
#[derive(Default)]
struct Answers {
    samples: Mutex<Vec<Sample>>,
    some: Notify,
}

impl Asking {
    pub(crate) fn new(measures: Measures) -> Self {
        Self {
            measures,
            answers: Arc::default(),
            asked: BTreeMap::new(),
        }
    }

    /// Asks exactly `checks`, of every one of `workloads`; what is no longer wished for is given up. A check that is
    /// still due after its answer was taken, because that came too late to count, is asked again.
    pub(crate) fn arrange(&mut self, checks: &[Check], workloads: &[Versions], now: Timestamp) {
        let wanted = |key: &String| checks.iter().any(|check| check.key == *key);
        self.asked.retain(|key, task| {
            let keep = wanted(key);
            if !keep {
                task.abort();
            }
            keep
        });
        // Jobs are no servers: `pass/rollout/jobs.rs` sees to them.
        let is_asked = |check: &&Check| !matches!(check.metric.from, Source::Job(_));
        for check in checks.iter().filter(is_asked) {
            let under_way = self.asked.get(&check.key);
            if under_way.is_some_and(|task| !task.is_finished()) || self.answers.hold(&check.key) {
                continue;
            }
            let task = self.ask(check, workloads.to_vec(), now);
            self.asked.insert(check.key.clone(), task);
        }
    }

    /// Takes in a sample that was not asked for here.
    pub(crate) fn tell(&self, sample: Sample) {
        self.answers.locked().push(sample);
        self.answers.some.notify_one();
    }

    /// Waits until there is a sample.
    pub(crate) async fn some(&self) {
        loop {
            let waiting = self.answers.some.notified();
            if !self.answers.locked().is_empty() {
                return;
            }
            waiting.await;
        }
    }

    /// Takes what came in.
    pub(crate) fn take(&self) -> Vec<Sample> {
        std::mem::take(&mut *self.answers.locked())
    }

    fn ask(&self, check: &Check, workloads: Vec<Versions>, now: Timestamp) -> AbortHandle {
        let (measures, answers, check) =
            (self.measures.clone(), self.answers.clone(), check.clone());
        let wait: Duration = check.due.duration_since(now).try_into().unwrap_or_default();
        let task = tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let at = Timestamp::now();
            let reading = worst_of(&measures, &check.metric, &workloads, at).await;
            answers.locked().push(Sample {
                key: check.key,
                at,
                reading,
            });
            answers.some.notify_one();
        });
        task.abort_handle()
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        for task in self.asked.values() {
            task.abort();
        }
    }
}

impl Answers {
    /// True if an answer to `key` has come in that nobody has looked at yet.
    fn hold(&self, key: &str) -> bool {
        self.locked().iter().any(|sample| sample.key == key)
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Vec<Sample>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks for every workload, and gives the worst answer: one bad workload is enough.
async fn worst_of(
    measures: &Measures,
    metric: &Metric,
    workloads: &[Versions],
    at: Timestamp,
) -> Reading {
    let asked = workloads
        .iter()
        .map(|versions| measures.ask(metric, versions, at));
    let readings = futures::future::join_all(asked).await;
    let badness = |reading: &Reading| match judge::judge(metric, reading, at).verdict {
        Verdict::Good => 0,
        Verdict::Missing => 1,
        Verdict::Bad => 2,
    };
    let worst = readings.into_iter().max_by_key(badness);
    worst.unwrap_or_else(|| Reading {
        query: String::new(),
        answer: Err(judge::Missing::Error(
            "there is no workload to ask about".to_owned(),
        )),
        log: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use rollout::strategy::analysis::Web;

    use super::*;

    fn check(due: Timestamp) -> Check {
        let metric = Metric {
            name: "score".to_owned(),
            // Nobody answers there, and that is an answer.
            from: Source::Web(Web {
                url: "http://127.0.0.1:1".to_owned(),
                pointer: String::new(),
                timeout: rollout::Interval::seconds(1),
            }),
            max: Some(1.0),
            min: None,
            compare: None,
            condition: None,
            min_samples: 0,
        };
        Check {
            key: "one".to_owned(),
            metric,
            due,
            last: None,
        }
    }

    #[tokio::test]
    async fn what_is_still_due_after_its_answer_was_taken_is_asked_again() {
        let now = Timestamp::now();
        let mut asking = Asking::new(Measures::new(None, true));
        for _ in 0..2 {
            asking.arrange(&[check(now)], &[], now);
            asking.some().await;
            // Nobody has taken the answer yet, so that nobody can know that it does not count.
            asking.arrange(&[check(now)], &[], now);
            assert_eq!(asking.take().len(), 1);
        }
    }
}
