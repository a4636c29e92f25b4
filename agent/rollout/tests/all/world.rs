//! A cluster in miniature that carries wishes out, late or in part as a test wants it.
//!
//! It knows pods, routes and time, and nothing of strategies: what the machine believes is held against it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rollout::{
    Observation, State,
    judge::{Numbers, Reading},
    observe::{Disturbed, Flags, Pods, Prepared, Router, Sample, Workload},
    split::Object,
    state::{Phase, Revision},
    strategy::{Analysis, Metric, Namespaces, Source, Strategy, analysis::Prometheus},
    victim::Victim,
    watched::{Place, Watched},
    wish::{Effects, Wish},
};
use serde::Deserialize as _;
use serde_json::Value;

/// What the only workload is called.
pub(crate) const WEB: &str = "Deployment/shop/web";

/// What a number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Metrics {
    /// Within limits.
    Good,
    /// Beyond one.
    Bad,
    /// No result.
    Empty,
    /// Not a number.
    Nan,
    /// Nobody asks.
    Silent,
}

/// Git, cluster, people and time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) seen: Observation,
    pub(crate) state: State,
    pub(crate) metrics: Metrics,
    /// Canary pods become ready.
    pub(crate) sound: bool,
    /// Routes follow.
    pub(crate) routes: bool,
    /// What chaos steps make does not go.
    pub(crate) sticks: bool,
    /// The namespace that serves, where two take turns; what does not serve stands in the other one then.
    side: Option<String>,
    /// Canary revision that stands in the cluster.
    canary: Option<Revision>,
    /// Stable revision that stands in the cluster.
    base: Option<Revision>,
}

pub(crate) fn revision(name: &str) -> Revision {
    Revision {
        commit: format!("{name}{name}{name}{name}{name}{name}{name}"),
        digest: name.to_owned(),
        release: format!("production-{name}"),
        path: "overlays/production".to_owned(),
    }
}

pub(crate) fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("in range")
}

/// The objects of these documents, which come from no file.
pub(crate) fn manifests(text: &str) -> Vec<Object> {
    serde_yaml::Deserializer::from_str(text)
        .map(|document| (Value::deserialize(document).expect("YAML"), None))
        .collect()
}

/// An error rate of at most 1 per cent.
pub(crate) fn error_rate() -> Metric {
    Metric {
        name: "error-rate".to_owned(),
        from: Source::Prometheus(Prometheus {
            query: "errors".to_owned(),
            samples: None,
            window: rollout::Interval::seconds(60),
            address: None,
        }),
        max: Some(0.01),
        min: None,
        compare: None,
        condition: None,
        min_samples: 0,
    }
}

pub(crate) fn watched(mut strategy: Strategy) -> Strategy {
    strategy.analysis = Some(Analysis::of(vec![error_rate()]));
    strategy
}

impl World {
    /// Revision `a` serves with four pods behind a route.
    pub(crate) fn new(router: Router) -> Self {
        let state = State {
            good: Some(revision("a")),
            ..State::default()
        };
        let stable = Pods {
            wanted: 4,
            ready: 4,
            settled: Some("a".to_owned()),
            stuck: None,
        };
        let workload = Workload {
            router,
            stable,
            canary: None,
            achieved: router_share(router, 0),
            fixed: None,
            most: None,
        };
        Self {
            now: start(),
            seen: Observation {
                at: start(),
                home: "shop".to_owned(),
                head: Some(revision("a")),
                toward: None,
                strategy: None,
                workloads: BTreeMap::from([(WEB.to_owned(), workload)]),
                watched: Vec::new(),
                samples: Vec::new(),
                approvals: Vec::new(),
                command: None,
                alarms: BTreeMap::new(),
                chaos: Disturbed::default(),
                prepared: Prepared::Done,
                flags: Flags::default(),
                leaving: false,
                uncut: None,
            },
            state,
            metrics: Metrics::Good,
            sound: true,
            routes: true,
            sticks: false,
            side: None,
            canary: None,
            base: Some(revision("a")),
        }
    }

    /// The same, serving from `blue`, with `green` beside it.
    pub(crate) fn in_turns(namespaces: Namespaces) -> Self {
        let mut world = Self::new(Router::Route);
        let side = Some(namespaces.blue.clone());
        world.side.clone_from(&side);
        (world.state.side, world.state.namespaces) = (side, Some(namespaces));
        world
    }

    /// True where two namespaces take turns.
    pub(crate) const fn turns(&self) -> bool {
        self.side.is_some()
    }

    pub(crate) fn push(&mut self, name: &str, strategy: Option<Strategy>) {
        self.seen.head = Some(revision(name));
        self.seen.strategy = strategy;
    }

    pub(crate) fn web(&mut self) -> &mut Workload {
        self.seen.workloads.get_mut(WEB).expect("the only one")
    }

    /// What is seen is of the rollout under way, or of the newest revision.
    pub(crate) fn aim(&mut self) {
        let rollout = self.state.rollout.as_ref();
        // Nobody can tell it of what cannot be taken apart.
        let told = rollout.is_some() && self.seen.uncut.is_none();
        let by_pods = |web: &Workload| !matches!(web.router, Router::Route | Router::Selector);
        let workloads = self.seen.workloads.values().filter(|_| told);
        self.seen.watched = workloads.map(|web| web_in_both(by_pods(web))).collect();
        let target = rollout.map(|rollout| rollout.target.clone());
        self.seen.toward = target.or_else(|| self.seen.head.clone());
    }

    /// A check fails from now on.
    pub(crate) fn alarm(&mut self, check: &str) {
        self.seen.alarms.insert(check.to_owned(), "503".to_owned());
    }

    /// The machine looks once.
    pub(crate) fn look(&mut self) -> Effects {
        self.aim();
        let (state, effects) = rollout::step(&self.state, &self.seen, self.now);
        self.state = state;
        effects
    }

    /// The machine looks, and the cluster does as it is told.
    pub(crate) fn turn(&mut self) -> Effects {
        self.seen.at = self.now;
        let effects = self.look();
        self.obey(&effects.wish);
        self.measure(&effects.wish);
        effects
    }

    pub(crate) fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    /// Turns with `seconds` between them until `done`; the number of turns it took.
    pub(crate) fn until(&mut self, seconds: i64, done: impl Fn(&Self) -> bool) -> usize {
        for turn in 0..2000 {
            if done(self) {
                return turn;
            }
            self.turn();
            self.pass(seconds);
        }
        panic!("it never came to that: {:#?} {:#?}", self.state, self.seen);
    }

    /// Pods and routes become what is wished for, as far as they can.
    pub(crate) fn obey(&mut self, wish: &Wish) {
        let sound = self.sound;
        if self.turns() && self.side != wish.side {
            self.change_places(wish);
        }
        let (old, base) = (self.canary.take(), wish.base.clone());
        let rolled = self.base != base;
        self.base.clone_from(&base);
        let routes = self.routes;
        let workload = self.seen.workloads.get_mut(WEB).expect("the only one");
        if rolled || workload.stable.settled.is_none() {
            workload.stable.settled = base.map(|base| base.digest);
        }
        let canary = wish.canary.as_ref();
        let beside = canary.map(|canary| (&canary.revision, &canary.pods));
        let other = wish.other.as_ref().filter(|_| self.side.is_some());
        match beside.or(other.map(|other| (&other.revision, &other.pods))) {
            None => workload.canary = None,
            Some((revision, pods)) => {
                let wanted = pods.get(WEB).copied().unwrap_or_default();
                let known = old.as_ref() == Some(revision);
                let before = workload.canary.as_ref().filter(|_| known);
                let before = before.map_or(0, |pods| pods.ready);
                workload.canary = Some(Pods {
                    wanted,
                    ready: if sound { wanted } else { before.min(wanted) },
                    settled: Some(revision.digest.clone()),
                    stuck: None,
                });
                self.canary = Some(revision.clone());
            }
        }
        if routes {
            let weight = wish.canary.as_ref().map_or(0, |canary| canary.weight);
            workload.achieved = router_share(workload.router, weight);
        }
        let pods = |name: &str| Victim {
            uid: format!("{name}-uid"),
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        };
        self.seen.chaos = Disturbed {
            left: wish.chaos.is_some() || self.sticks,
            stands: wish.chaos.as_ref().map(|chaos| chaos.id.clone()),
            lacking: String::new(),
            pods: Some(BTreeMap::from([(
                WEB.to_owned(),
                vec![pods("web-1"), pods("web-2"), pods("web-3")],
            )])),
        };
    }

    /// What stood aside serves from now on, and what served stands aside. No pod comes or goes by that.
    fn change_places(&mut self, wish: &Wish) {
        self.side.clone_from(&wish.side);
        std::mem::swap(&mut self.base, &mut self.canary);
        let web = self.web();
        let aside = std::mem::take(&mut web.stable);
        web.stable = web.canary.replace(aside).unwrap_or_default();
        web.achieved = web.achieved.map(|share| 100 - share.min(100));
    }

    /// Somebody asks for the numbers that are wished for.
    pub(crate) fn measure(&mut self, wish: &Wish) {
        self.seen.samples.clear();
        let number = |canary| Numbers {
            canary,
            stable: self.stable_number(),
            ..Numbers::default()
        };
        let answer = match self.metrics {
            Metrics::Good => Ok(number(0.001)),
            Metrics::Bad => Ok(number(0.25)),
            Metrics::Nan => Ok(number(f64::NAN)),
            Metrics::Empty => Err(rollout::judge::Missing::Empty),
            Metrics::Silent => return,
        };
        for check in &wish.checks {
            self.seen.samples.push(Sample {
                key: check.key.clone(),
                at: self.now,
                reading: Reading {
                    query: "errors".to_owned(),
                    answer: answer.clone(),
                    log: Vec::new(),
                },
            });
        }
    }

    /// What the old version's number says: nothing where nobody is led to it.
    fn stable_number(&self) -> Option<f64> {
        let led = |web: &Workload| web.achieved == Some(100);
        (!self.seen.workloads.get(WEB).is_some_and(led)).then_some(0.001)
    }

    /// Everybody is on `name`, and nothing is under way.
    pub(crate) fn is_settled_on(&self, name: &str) -> bool {
        let routed = &self.seen.workloads[WEB];
        self.state.good == Some(revision(name))
            && self.state.rollout.is_none()
            && routed.canary.is_none()
            && routed.achieved.unwrap_or(0) == 0
            && routed.stable.settled.as_deref() == Some(name)
    }

    /// The step it is at.
    pub(crate) fn at_step(&self) -> Option<usize> {
        let rollout = self.state.rollout.as_ref()?;
        matches!(rollout.phase, Phase::Stepping(_)).then_some(rollout.step)
    }
}

fn web_in_both(by_pods: bool) -> Watched {
    let place = |name: &str| Place {
        namespace: "shop".to_owned(),
        workload: name.to_owned(),
        service: name.to_owned(),
    };
    Watched {
        canary: place("web-canary"),
        stable: place("web"),
        by_pods,
    }
}

/// What a route shows; pods show nothing of that kind.
fn router_share(router: Router, weight: u8) -> Option<u8> {
    matches!(router, Router::Route | Router::Selector).then_some(weight)
}
