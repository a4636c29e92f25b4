//! Runs the HTTP checks of one environment, each in a task of its own and at its own pace, and tells its actor when one
//! begins to fail or passes again.
//!
//! A server that does not answer delays nobody but its own check. Nothing is read or written in the cluster while all is
//! well; what a run found stands in metrics.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use api::v1alpha1::{CheckState, CheckStatus, CheckTurn, HttpCheck};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use rollout::judge::{Missing, Numbers, Reading};
use tokio::{
    sync::Notify,
    task::AbortHandle,
    time::{Instant, MissedTickBehavior},
};

use crate::{backoff::seed, checked::Found, key::EnvironmentKey};

mod held;
mod probe;

pub(crate) use probe::{Probe, Visitor};

/// How many former states of a check are kept.
const HISTORY: usize = 10;

/// The checks of one environment.
#[derive(Default)]
pub(crate) struct Checks {
    probe: Option<Probe>,
    running: BTreeMap<String, (HttpCheck, AbortHandle)>,
    board: Arc<Board>,
    /// What was taken from the board and is not told yet.
    untold: Vec<Turn>,
}

/// A check that stands differently from before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Turn {
    pub(crate) name: String,
    pub(crate) state: CheckState,
    pub(crate) at: Timestamp,
    pub(crate) message: String,
}

/// Checks that a rollout asks when it wants to know.
#[derive(Default)]
pub(crate) struct Named {
    checks: Vec<HttpCheck>,
    probe: Option<Probe>,
}

/// What the tasks have to tell.
#[derive(Default)]
struct Board {
    turns: Mutex<Vec<Turn>>,
    some: Notify,
}

impl Checks {
    /// Runs exactly `wanted`. How they stood before is what a new result is compared with.
    pub(crate) fn arrange(
        &mut self,
        wanted: &[HttpCheck],
        known: &[CheckStatus],
        probe: impl FnOnce() -> Probe,
    ) {
        if wanted.is_empty() && self.running.is_empty() {
            return;
        }
        let probe = self.probe.get_or_insert_with(probe);
        self.running.retain(|name, (check, task)| {
            let keep = wanted.iter().any(|one| one.name == *name && one == check);
            if !keep {
                task.abort();
                probe.metrics.forget_check(&probe.key, name);
                // The next one of that name may take other things.
                probe.forget(name);
            }
            keep
        });
        for check in wanted {
            if self.running.contains_key(&check.name) {
                continue;
            }
            let before = known.iter().find(|status| status.name == check.name);
            let watch = Watch {
                check: check.clone(),
                probe: probe.clone(),
                board: self.board.clone(),
                state: before.map(|status| status.state),
                failed: 0,
            };
            let task = tokio::spawn(watch.run()).abort_handle();
            self.running
                .insert(check.name.clone(), (check.clone(), task));
        }
    }

    /// Those that strategies may name, to be asked out of turn.
    pub(crate) fn named(&self) -> Arc<Named> {
        let checks = self.running.values().map(|(check, _)| check.clone());
        Arc::new(Named {
            checks: checks.collect(),
            probe: self.probe.clone(),
        })
    }

    /// Waits until one stands differently.
    pub(crate) async fn some(&self) {
        loop {
            let waiting = self.board.some.notified();
            if !self.board.locked().is_empty() {
                return;
            }
            waiting.await;
        }
    }

    /// What is to be told, until [`Self::told`].
    pub(crate) fn turns(&mut self) -> &[Turn] {
        self.untold.append(&mut self.board.locked());
        &self.untold
    }

    /// Notes that all of it was told.
    pub(crate) fn told(&mut self) {
        self.untold.clear();
    }
}

impl Named {
    /// Asks the check called `name` now: 1 if it is good, 0 if not.
    pub(crate) async fn ask(&self, name: &str) -> Reading {
        let check = self.checks.iter().find(|check| check.name == name);
        let (Some(check), Some(probe)) = (check, &self.probe) else {
            let why = format!("the Environment has no check {name:?}");
            return Reading {
                query: name.to_owned(),
                answer: Err(Missing::Error(why)),
                log: Vec::new(),
            };
        };
        let found = probe.run(check).await;
        let asked = format!("{} {}", check.method.as_str(), check.url);
        let (query, answer) = match (found.fault, found.asked) {
            (Some(why), false) => (asked, Err(Missing::Error(why))),
            (Some(why), true) => (format!("{asked}: {why}"), Ok(0.0)),
            (None, _) => (asked, Ok(1.0)),
        };
        Reading {
            query,
            answer: answer.map(|canary| Numbers {
                canary,
                ..Numbers::default()
            }),
            log: Vec::new(),
        }
    }
}

/// Says which checks there are, and nothing of what they send.
impl std::fmt::Debug for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.checks.iter().map(|check| &check.name);
        f.debug_list().entries(names).finish()
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        for (_, task) in self.running.values() {
            task.abort();
        }
    }
}

impl Board {
    fn locked(&self) -> std::sync::MutexGuard<'_, Vec<Turn>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One check, for ever.
struct Watch {
    check: HttpCheck,
    probe: Probe,
    board: Arc<Board>,
    state: Option<CheckState>,
    /// How many runs in a row have failed.
    failed: u32,
}

impl Watch {
    async fn run(mut self) {
        let interval = self.check.interval.duration();
        let first = Instant::now() + delay(&self.probe.key, &self.check.name, interval);
        let mut pace = tokio::time::interval_at(first, interval);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pace.tick().await;
            let found = self.probe.run(&self.check).await;
            self.note(&found);
        }
    }

    fn note(&mut self, found: &Found) {
        self.failed = match found.fault {
            None => 0,
            Some(_) => self.failed.saturating_add(1),
        };
        let state = match &found.fault {
            None => Some(CheckState::Passing),
            Some(_) if self.failed >= self.check.failures => Some(match found.asked {
                true => CheckState::Failing,
                false => CheckState::Unknown,
            }),
            Some(_) => self.state,
        };
        if let Some(new) = state.filter(|new| Some(*new) != self.state) {
            self.state = Some(new);
            self.board.locked().push(Turn {
                name: self.check.name.clone(),
                state: new,
                at: Timestamp::now(),
                message: found.fault.clone().unwrap_or_default(),
            });
            self.board.some.notify_one();
        }
    }
}

/// Spreads the checks of many environments over their interval, the same way every time.
fn delay(key: &EnvironmentKey, name: &str, interval: Duration) -> Duration {
    let seed = seed(&format!("{key}/{name}"));
    let whole = u64::try_from(interval.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    Duration::from_millis(seed % whole)
}

/// How the checks of `spec` stand after `turns`.
pub(crate) fn after(old: &[CheckStatus], turns: &[Turn], spec: &[HttpCheck]) -> Vec<CheckStatus> {
    let mut all = old.to_vec();
    for turn in turns {
        let before = all.iter().position(|status| status.name == turn.name);
        let before = before.map(|place| all.remove(place));
        let mut history = Vec::new();
        if let Some(before) = before {
            history.push(CheckTurn {
                state: before.state,
                since: before.since,
                message: before.message,
            });
            history.extend(before.history);
            history.truncate(HISTORY);
        }
        all.push(CheckStatus {
            name: turn.name.clone(),
            state: turn.state,
            since: Time(turn.at),
            message: turn.message.clone(),
            history,
        });
    }
    all.retain(|status| spec.iter().any(|check| check.name == status.name));
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(name: &str) -> HttpCheck {
        serde_json::from_value(json!({ "name": name, "url": "http://shop.example" })).unwrap()
    }

    fn turn(name: &str, state: CheckState, second: i64) -> Turn {
        Turn {
            name: name.to_owned(),
            state,
            at: Timestamp::from_second(second).unwrap(),
            message: String::new(),
        }
    }

    #[test]
    fn a_bounded_history_is_kept_of_checks_that_are_asked_for() {
        let spec = [check("front")];
        let mut all = Vec::new();
        for second in 0..30 {
            let state = match second % 2 {
                0 => CheckState::Passing,
                _ => CheckState::Failing,
            };
            let turns = [turn("front", state, second), turn("gone", state, second)];
            all = after(&all, &turns, &spec);
        }
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].state, CheckState::Failing);
        assert_eq!(all[0].history.len(), HISTORY);
        assert_eq!(all[0].history[0].since.0.as_second(), 28);
        assert_eq!(after(&all, &[], &spec), all);
    }

    #[test]
    fn environments_do_not_ask_all_at_once() {
        let key = |name: &str| EnvironmentKey {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        };
        let minute = Duration::from_mins(1);
        let delays: std::collections::BTreeSet<_> = (0..100)
            .map(|number| delay(&key(&format!("env-{number}")), "front", minute).as_secs())
            .collect();
        assert!(delays.len() > 20, "{delays:?}");
        assert!(delays.iter().all(|delay| *delay < 60));
    }
}
