//! A look at a rollout in the words of status and Release. Pure: what is told follows from what was seen and decided.

use std::collections::BTreeMap;

use api::v1alpha1::{
    CommandAnswer, HeldRevision, MetricState, PodCount, ReleaseRollout, RolloutPhase,
    RolloutStatus, WorkloadShare,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use rollout::{
    Effects, Observation, State,
    judge::Decision,
    observe::{Router, Workload},
    state::{Phase, Rollout},
    strategy::Step,
    wish::Event,
};

/// The last numbers of each metric, and the last judgement.
pub type Numbers = BTreeMap<String, (Vec<f64>, Decision)>;

/// One look: what was seen, and what followed from it.
#[derive(Clone, Copy, Debug)]
pub struct RolloutLook<'a> {
    /// The state after it.
    pub state: &'a State,
    /// What is to be done.
    pub effects: &'a Effects,
    /// What was seen.
    pub seen: &'a Observation,
    /// The strategy's name.
    pub strategy: &'a str,
    /// The last numbers.
    pub numbers: &'a Numbers,
    /// What was told before.
    pub before: Option<&'a RolloutStatus>,
}

impl RolloutLook<'_> {
    /// What the Environment's status says.
    pub fn status(&self) -> RolloutStatus {
        let Self { state, effects, .. } = *self;
        let held = self.held();
        let phase = match (&state.rollout, &held) {
            (Some(rollout), _) => phase(&rollout.phase),
            (None, Some(_)) => RolloutPhase::Held,
            (None, None) => RolloutPhase::Settled,
        };
        let rollout = state.rollout.as_ref();
        RolloutStatus {
            phase,
            good: state.good.as_ref().map(|good| good.commit.clone()),
            weight: rollout.map(weight),
            step: rollout
                .filter(|_| phase == RolloutPhase::Stepping)
                .map(step_of),
            message: effects.waiting.clone(),
            held,
            command: self.answer(),
            state: state.write(),
        }
    }

    /// What the Release says, while a rollout is under way.
    pub fn release(&self) -> Option<ReleaseRollout> {
        let rollout = self.state.rollout.as_ref()?;
        let since = match &rollout.phase {
            Phase::Stepping(stepping) => stepping.entered,
            Phase::Promoting { since, .. }
            | Phase::Returning { since }
            | Phase::Baking { since, .. }
            | Phase::Ending { since, .. } => *since,
        };
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let steps = rollout.strategy.steps.len();
        Some(ReleaseRollout {
            id: rollout.id(),
            strategy: self.strategy.to_owned(),
            phase: phase(&rollout.phase),
            step: number((rollout.step + 1).min(steps)),
            steps: number(steps),
            step_kind: kind_at(rollout).to_owned(),
            step_since: Some(Time(since)),
            step_until: rollout.until().map(Time),
            weight: weight(rollout),
            message: self.effects.waiting.clone(),
            workloads: shares(self.seen, rollout),
            metrics: self.metrics(),
            gate: rollout.gate(),
            records: Vec::new(),
        })
    }

    /// The last numbers. There are some when a rollout has just ended, too: the one that ended it among them.
    pub fn metrics(&self) -> Vec<MetricState> {
        let all = self.numbers.values();
        all.map(|(numbers, last)| MetricState {
            last: last.clone(),
            recent: numbers.clone(),
        })
        .collect()
    }

    /// True if what git asks for is what serves.
    pub fn is_current(&self) -> bool {
        let rollout = self.state.rollout.as_ref();
        let moves = rollout.is_some_and(|rollout| is_on_its_way(&rollout.phase));
        match (&self.seen.head, &self.state.good) {
            (Some(head), Some(good)) => head == good && !moves,
            _ => !moves,
        }
    }

    fn held(&self) -> Option<HeldRevision> {
        let rejection = self.state.rejection(self.seen.head.as_ref()?)?;
        let decision = match &rejection.cause {
            rollout::state::Cause::AnalysisFailed { decision } => Some(decision.clone()),
            _ => None,
        };
        Some(HeldRevision {
            revision: rejection.revision.commit.clone(),
            release: rejection.revision.release.clone(),
            since: Time(rejection.at),
            reason: rejection.cause.as_str().to_owned(),
            message: rejection.cause.sentence(),
            decision,
        })
    }

    /// What became of the newest command; told until there is a newer one.
    fn answer(&self) -> Option<CommandAnswer> {
        let told = self.before.and_then(|before| before.command.clone());
        let command = self.seen.command.as_ref();
        let command = command.filter(|one| self.state.handled.as_ref() == Some(&one.id));
        let Some(command) = command else { return told };
        let word = command.action.as_str();
        let mut records = self.effects.records.iter();
        let record = records.find(|record| {
            let is_one = matches!(record.event, Event::Commanded | Event::Ignored);
            is_one && record.by.as_ref() == Some(&command.by) && record.message.starts_with(word)
        });
        // It was counted before this look, so it was answered then.
        let Some(record) =
            record.filter(|_| told.as_ref().is_none_or(|told| told.id != command.id))
        else {
            return told;
        };
        let obeyed = record.event == Event::Commanded;
        let why = record.message.split_once(": ").map(|(_, why)| why);
        Some(CommandAnswer {
            id: command.id.clone(),
            action: word.to_owned(),
            by: command.by.clone(),
            at: Time(record.at),
            obeyed,
            message: why.filter(|_| !obeyed).unwrap_or_default().to_owned(),
        })
    }
}

/// Per cent that the new version is to get. Once the stable workloads have become it, that is all.
const fn weight(rollout: &Rollout) -> u8 {
    match &rollout.phase {
        Phase::Returning { .. } | Phase::Baking { .. } => 100,
        _ => rollout.weight,
    }
}

fn shares(seen: &Observation, rollout: &Rollout) -> Vec<WorkloadShare> {
    let bakes = matches!(rollout.phase, Phase::Baking { .. });
    let workloads = seen.workloads.iter();
    workloads
        .map(|one| match bakes {
            true => baked(share(one)),
            false => share(one),
        })
        .collect()
}

/// What bakes is the new version, in the place of the old one.
fn baked(share: WorkloadShare) -> WorkloadShare {
    let by_pods = matches!(share.router, Router::Replicas | Router::InPlace);
    WorkloadShare {
        canary: share.stable,
        stable: share.canary,
        achieved: match share.achieved {
            // There is no pod of the old one.
            Some(_) if by_pods => Some(100),
            achieved => achieved.map(|old| 100 - old.min(100)),
        },
        ..share
    }
}

fn share((object, workload): (&String, &Workload)) -> WorkloadShare {
    let canary = workload.canary.clone().unwrap_or_default();
    let mut stable = PodCount {
        ready: workload.stable.ready,
        wanted: workload.stable.wanted,
    };
    if workload.router == Router::InPlace {
        // There the workload counts the pods of both versions.
        stable.ready = stable.ready.saturating_sub(canary.ready);
        stable.wanted = stable.wanted.saturating_sub(canary.wanted);
    }
    let by_pods = || {
        let all = u64::from(stable.ready) + u64::from(canary.ready);
        // Where nobody serves, nobody has a share.
        let percent = (u64::from(canary.ready) * 100).checked_div(all)?;
        u8::try_from(percent).ok()
    };
    WorkloadShare {
        object: object.clone(),
        router: workload.router,
        achieved: match workload.router {
            Router::Route | Router::Selector => workload.achieved,
            Router::Replicas | Router::InPlace => by_pods(),
        },
        stable,
        canary: PodCount {
            ready: canary.ready,
            wanted: canary.wanted,
        },
    }
}

/// `3/6 weight`
fn step_of(rollout: &Rollout) -> String {
    let steps = rollout.strategy.steps.len();
    format!(
        "{}/{steps} {}",
        (rollout.step + 1).min(steps),
        kind_at(rollout)
    )
}

fn kind_at(rollout: &Rollout) -> &'static str {
    rollout
        .strategy
        .steps
        .get(rollout.step)
        .map_or("", Step::as_str)
}

/// What bakes serves everybody already.
const fn is_on_its_way(phase: &Phase) -> bool {
    !matches!(phase, Phase::Baking { .. })
}

const fn phase(phase: &Phase) -> RolloutPhase {
    match phase {
        Phase::Stepping(_) => RolloutPhase::Stepping,
        Phase::Promoting { .. } => RolloutPhase::Promoting,
        Phase::Returning { .. } => RolloutPhase::Returning,
        Phase::Baking { .. } => RolloutPhase::Baking,
        Phase::Ending { .. } => RolloutPhase::Ending,
    }
}

#[cfg(test)]
mod tests {
    use rollout::observe::Pods;

    use super::*;

    fn pods(ready: u32, wanted: u32) -> Pods {
        Pods {
            wanted,
            ready,
            settled: None,
            stuck: None,
        }
    }

    fn told(
        router: Router,
        stable: Pods,
        canary: Option<Pods>,
        achieved: Option<u8>,
    ) -> WorkloadShare {
        let workload = Workload {
            router,
            stable,
            canary,
            achieved,
            fixed: None,
            most: None,
        };
        share((&"Deployment/shop/web".to_owned(), &workload))
    }

    #[test]
    fn a_share_of_nothing_is_not_known_and_none_of_something_is_none() {
        let replicas = |stable, canary| told(Router::Replicas, stable, canary, None).achieved;
        assert_eq!(replicas(pods(0, 4), None), None);
        assert_eq!(replicas(pods(4, 4), None), Some(0));
        assert_eq!(replicas(pods(3, 4), Some(pods(1, 1))), Some(25));
        let route = |achieved| told(Router::Route, pods(4, 4), None, achieved).achieved;
        assert_eq!((route(None), route(Some(0))), (None, Some(0)));
    }

    #[test]
    fn in_place_each_pod_is_of_one_version() {
        let share = told(Router::InPlace, pods(4, 4), Some(pods(1, 1)), None);
        assert_eq!((share.stable.ready, share.canary.ready), (3, 1));
        assert_eq!(share.achieved, Some(25));
    }

    #[test]
    fn what_bakes_is_the_new_version() {
        let route = baked(told(Router::Route, pods(4, 4), None, Some(0)));
        assert_eq!((route.canary.ready, route.stable.ready), (4, 0));
        assert_eq!(route.achieved, Some(100));
        let unread = baked(told(Router::Route, pods(4, 4), None, None));
        assert_eq!(unread.achieved, None);
        let nobody = baked(told(Router::Replicas, pods(0, 4), None, None));
        assert_eq!(nobody.achieved, None);
    }
}
