//! Git, a cluster in miniature and the real state machine: documents as an agent would write them.

use std::collections::BTreeMap;

use anstream::adapter::strip_str;
use api::v1alpha1::{Environment, Release, ReleaseRollout, RolloutStatus};
use daemon::{RolloutLook, RolloutNumbers};
use expect_test::Expect;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use rollout::judge::{Missing, Numbers, Reading};
use rollout::observe::{Action, Approval, Command, Observation, Pods, Router, Sample, Workload};
use rollout::state::{Phase, Revision};
use rollout::wish::{Effects, Event, Record, Wish};
use rollout::{State, Strategy};
use serde_json::json;

use super::super::known::{Known, key};
use super::super::{paint, pods, view};

pub(super) const WEB: &str = "Deployment/shop/web";

/// Git, a cluster that obeys at once, and what an agent would have written.
pub(super) struct Stage {
    pub(super) now: Timestamp,
    pub(super) seen: Observation,
    state: State,
    /// What every number says.
    pub(super) number: Result<f64, Missing>,
    /// Whether pods of the new version become ready.
    pub(super) sound: bool,
    numbers: RolloutNumbers,
    records: Vec<Record>,
    pub(super) status: RolloutStatus,
    release: Option<ReleaseRollout>,
}

pub(super) fn revision(digit: &str) -> Revision {
    Revision {
        commit: digit.repeat(40),
        digest: digit.to_owned(),
        release: format!("production-00000{digit}"),
        path: "overlays/production".to_owned(),
    }
}

fn strategy() -> Strategy {
    let strategy = json!({
        "steps": [
            { "weight": 1 }, { "pause": { "for": "2m" } }, { "weight": 10 }, { "analysis": {
                "interval": "10s", "count": 3, "metrics": [{ "name": "orders", "min": 5, "from": { "prometheus": { "query": "orders" } } }] } },
            { "approve": { "needed": 2 } }, { "weight": 50 }, { "pause": { "for": "5m" } }, { "weight": 100 }, { "pause": { "for": "2m" } },
        ],
        "bake": "10m",
        "progressDeadline": "5m",
        "analysis": { "interval": "30s", "metrics": [{ "name": "error-rate", "max": 0.01, "from": { "prometheus": {
            "query": "sum(rate(http_requests_total{code=~\"5..\"}[1m])) / sum(rate(http_requests_total[1m]))" } } }] },
    });
    serde_json::from_value(strategy).unwrap()
}

impl Stage {
    /// Revision 1 serves everybody with four pods, and 2 is pushed.
    pub(super) fn pushed() -> Self {
        let stable = Pods {
            wanted: 4,
            ready: 4,
            settled: Some("1".to_owned()),
            stuck: None,
        };
        let workload = Workload {
            router: Router::Route,
            stable,
            canary: None,
            achieved: Some(0),
            fixed: None,
            most: None,
        };
        let now = "2026-05-04T12:00:00Z".parse().unwrap();
        Self {
            now,
            seen: Observation {
                at: now,
                home: "shop".to_owned(),
                head: Some(revision("2")),
                toward: None,
                strategy: Some(strategy()),
                workloads: BTreeMap::from([(WEB.to_owned(), workload)]),
                watched: Vec::new(),
                samples: Vec::new(),
                approvals: Vec::new(),
                command: None,
                alarms: std::collections::BTreeMap::new(),
                chaos: rollout::observe::Disturbed::default(),
                prepared: rollout::observe::Prepared::Done,
                flags: rollout::observe::Flags::default(),
                leaving: false,
                uncut: None,
            },
            state: State {
                good: Some(revision("1")),
                ..State::default()
            },
            number: Ok(0.0021),
            sound: true,
            numbers: RolloutNumbers::new(),
            records: Vec::new(),
            status: RolloutStatus::default(),
            release: None,
        }
    }

    /// One look of an agent; the cluster obeys.
    pub(super) fn turn(&mut self) -> Effects {
        self.seen.at = self.now;
        let rollout = self.state.rollout.as_ref();
        let target = rollout.map(|rollout| rollout.target.clone());
        self.seen.toward = target.or_else(|| self.seen.head.clone());
        let (state, effects) = rollout::step(&self.state, &self.seen, self.now);
        let judged = effects
            .records
            .iter()
            .filter(|one| one.event == Event::Judged);
        for record in judged {
            if let Some(decision) = &record.decision {
                let entry = self.numbers.entry(decision.metric.clone());
                let known = entry.or_insert_with(|| (Vec::new(), decision.clone()));
                known.0.extend(decision.number);
                known.1 = decision.clone();
            }
        }
        let look = RolloutLook {
            state: &state,
            effects: &effects,
            seen: &self.seen,
            strategy: "stepwise",
            numbers: &self.numbers,
            before: Some(&self.status),
        };
        let (status, release) = (look.status(), look.release());
        self.records.extend(effects.records.clone());
        self.status = status;
        if let Some(told) = release.or(self.release.clone()) {
            let phase = self.status.phase;
            self.release = Some(ReleaseRollout {
                phase,
                records: self.records.clone(),
                ..told
            });
        }
        self.state = state;
        self.obey(&effects.wish);
        effects
    }

    fn obey(&mut self, wish: &Wish) {
        let (sound, now, number) = (self.sound, self.now, self.number.clone());
        let web = self.seen.workloads.get_mut(WEB).unwrap();
        web.stable.settled = wish.base.as_ref().map(|base| base.digest.clone());
        web.achieved = Some(wish.canary.as_ref().map_or(0, |canary| canary.weight));
        web.canary = wish.canary.as_ref().map(|canary| Pods {
            wanted: canary.pods[WEB],
            ready: if sound { canary.pods[WEB] } else { 0 },
            settled: Some(canary.revision.digest.clone()),
            stuck: None,
        });
        let due = wish.checks.iter().filter(|check| check.due <= now);
        self.seen.samples = due
            .map(|check| Sample {
                key: check.key.clone(),
                at: now,
                reading: Reading {
                    query: match &check.metric.from {
                        rollout::strategy::Source::Prometheus(prometheus) => {
                            prometheus.query.clone()
                        }
                        _ => String::new(),
                    },
                    answer: number.clone().map(|canary| Numbers {
                        canary: if check.metric.name == "orders" {
                            7.0
                        } else {
                            canary
                        },
                        ..Numbers::default()
                    }),
                    log: Vec::new(),
                },
            })
            .collect();
    }

    /// Turns every five seconds until `done`.
    pub(super) fn until(mut self, done: impl Fn(&Self) -> bool) -> Self {
        for _ in 0..2000 {
            if done(&self) {
                return self;
            }
            self.turn();
            self.now += SignedDuration::from_secs(5);
        }
        panic!("it never came to that: {:#?}", self.status);
    }

    pub(super) fn at_step(self, step: usize) -> Self {
        self.until(|stage| {
            let rollout = stage.state.rollout.as_ref();
            let reached = |phase: &Phase| match phase {
                Phase::Stepping(stepping) => stepping.reached.is_some(),
                _ => false,
            };
            rollout.is_some_and(|rollout| rollout.step + 1 == step && reached(&rollout.phase))
        })
    }

    pub(super) fn in_phase(self, word: &str) -> Self {
        self.until(|stage| stage.status.phase.as_str() == word)
    }

    pub(super) fn say(mut self, action: Action) -> Self {
        self.seen.command = Some(Command {
            id: format!("{action:?}"),
            action,
            by: "jane".to_owned(),
            rollout: None,
            step: None,
        });
        self.turn();
        self.now += SignedDuration::from_secs(7);
        self
    }

    pub(super) fn approve(mut self, by: &str) -> Self {
        let rollout = self.state.rollout.as_ref().unwrap();
        self.seen.approvals.push(Approval {
            rollout: rollout.id(),
            step: rollout.step,
            by: by.to_owned(),
        });
        self.turn();
        self
    }

    pub(super) fn environment(&self) -> Environment {
        serde_json::from_value(json!({
            "apiVersion": "driftless.dev/v1alpha1", "kind": "Environment",
            "metadata": { "name": "production", "namespace": "shop", "generation": 1 },
            "spec": { "source": { "url": "https://git.example.com/config.git", "branch": "master", "path": "overlays/master" } },
            "status": { "release": "production-000002", "rollout": self.status, "revision": {}, "drift": {}, "conditions": [], "objects": 0 },
        }))
        .unwrap()
    }

    pub(super) fn known(&self) -> Known {
        let releases = ["1", "2"].map(|digit| {
            let release: Release = serde_json::from_value(json!({
                "apiVersion": "driftless.dev/v1alpha1", "kind": "Release",
                "metadata": { "name": format!("production-00000{digit}") },
                "spec": {
                    "environment": "production", "number": digit.parse::<u64>().unwrap(), "revision": digit.repeat(40), "branch": "master",
                    "path": "overlays/master", "trigger": "Webhook",
                    "commit": { "author": "Ada", "subject": format!("web 2.{digit}.0") },
                },
                "status": { "rollout": self.release.as_ref().filter(|_| digit == "2") },
            }))
            .unwrap();
            (format!("production-00000{digit}"), release)
        });
        Known {
            name: "production".to_owned(),
            namespace: "shop".to_owned(),
            environment: Some(self.environment()),
            releases: releases.into(),
            pods: self
                .pods()
                .iter()
                .map(|pod| (key(pod), pods::see(pod)))
                .collect(),
            blind: None,
        }
    }

    fn pods(&self) -> Vec<Pod> {
        let web = &self.seen.workloads[WEB];
        let canary = web.canary.clone().unwrap_or_default();
        let stable =
            (0..web.stable.wanted).map(|place| pod("web-6b9f7c8d4", place, true, self.now));
        let beside = (0..canary.wanted).map(|place| {
            pod(
                "web-canary-77c94d5b6",
                place,
                place < canary.ready,
                self.now,
            )
        });
        stable.chain(beside).collect()
    }

    pub(super) fn paint(&self, width: usize) -> String {
        let room = paint::Room {
            width,
            pods: 3,
            height: None,
        };
        let view = view::of(&self.known(), self.now);
        let text = String::from_utf8(paint::paint(&view, room, self.now)).unwrap();
        strip_str(&text).to_string()
    }

    pub(super) fn looks(&self, expected: &Expect) {
        let text = self.paint(80);
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{widest:?} columns:\n{text}");
        expected.assert_eq(&text);
    }
}

fn pod(set: &str, place: u32, ready: bool, now: Timestamp) -> Pod {
    let hash = set.rsplit('-').next().unwrap();
    let (word, waiting) = match ready {
        true => ("True", json!({ "running": {} })),
        false => (
            "False",
            json!({ "waiting": { "reason": "ImagePullBackOff" } }),
        ),
    };
    let names = ["4xk8p", "9sdfk", "bq2mn", "t7vws", "zz5hd"];
    serde_json::from_value(json!({
        "metadata": {
            "name": format!("{set}-{}", names[place as usize]), "namespace": "shop", "labels": { "pod-template-hash": hash },
            "creationTimestamp": (now - SignedDuration::from_secs(90)).to_string(),
            "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set, "uid": "1", "controller": true }],
        },
        "status": {
            "phase": "Running", "conditions": [{ "type": "Ready", "status": word }],
            "containerStatuses": [{ "name": "app", "image": "a", "imageID": "", "ready": ready, "restartCount": 0, "state": waiting }],
        },
    }))
    .unwrap()
}
