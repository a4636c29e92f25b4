//! A look at a rollout in the words of status and Release.

use std::collections::BTreeMap;

use api::v1alpha1::{
    HeldRevision, MetricState, PodCount, ReleaseRollout, RolloutPhase, RolloutStatus, WorkloadShare,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use rollout::{
    Effects, Observation, State,
    observe::{Router, Workload},
    state::{Phase, Rollout},
    strategy::Step,
    wish::Record,
};

use super::Pass;
use crate::{outcome::Told, rollouts::Chosen};

/// How many numbers of a metric are shown.
const RECENT: usize = 30;

impl Pass<'_> {
    /// Takes a look into the outcome.
    pub(super) fn tell_rollout(
        &mut self,
        state: &State,
        effects: &Effects,
        seen: &Observation,
        chosen: &Chosen,
    ) {
        let held = held(state, seen);
        let phase = match (&state.rollout, &held) {
            (Some(rollout), _) => phase(&rollout.phase),
            (None, Some(_)) => RolloutPhase::Held,
            (None, None) => RolloutPhase::Settled,
        };
        let rollout = state.rollout.as_ref();
        let status = RolloutStatus {
            phase,
            good: state.good.as_ref().map(|good| good.commit.clone()),
            weight: rollout.map(|rollout| rollout.weight),
            step: rollout
                .filter(|_| phase == RolloutPhase::Stepping)
                .map(step_of),
            message: effects.waiting.clone(),
            held,
            state: state.write(),
        };
        self.remember_numbers(&effects.records);
        let release = rollout.map(|rollout| self.release_part(rollout, effects, seen, chosen));
        let current = match (&seen.head, &state.good) {
            (Some(head), Some(good)) => head == good && !is_on_its_way(phase),
            _ => !is_on_its_way(phase),
        };
        self.outcome.rollout = Some(Told {
            status,
            release,
            records: effects.records.clone(),
            current,
        });
    }

    fn release_part(
        &mut self,
        rollout: &Rollout,
        effects: &Effects,
        seen: &Observation,
        chosen: &Chosen,
    ) -> ReleaseRollout {
        let since = match &rollout.phase {
            Phase::Stepping(stepping) => stepping.entered,
            Phase::Promoting { since, .. }
            | Phase::Returning { since }
            | Phase::Baking { since, .. }
            | Phase::Ending { since, .. } => *since,
        };
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let steps = rollout.strategy.steps.len();
        ReleaseRollout {
            id: rollout.id(),
            strategy: chosen.name.clone(),
            phase: phase(&rollout.phase),
            step: number((rollout.step + 1).min(steps)),
            steps: number(steps),
            step_kind: kind_at(rollout).to_owned(),
            step_since: Some(Time(since)),
            step_until: effects.wake.map(Time),
            weight: rollout.weight,
            message: effects.waiting.clone(),
            workloads: seen.workloads.iter().map(share).collect(),
            metrics: self.metrics_of(),
            records: Vec::new(),
        }
    }

    fn remember_numbers(&mut self, records: &[Record]) {
        let decisions = records.iter().filter_map(|record| record.decision.clone());
        let recent = &mut self.rollouts().recent;
        for decision in decisions {
            let (numbers, last) = recent
                .entry(decision.metric.clone())
                .or_insert_with(|| (Vec::new(), decision.clone()));
            numbers.extend(decision.number);
            let surplus = numbers.len().saturating_sub(RECENT);
            numbers.drain(..surplus);
            *last = decision;
        }
    }

    fn metrics_of(&mut self) -> Vec<MetricState> {
        let recent: &BTreeMap<_, _> = &self.rollouts().recent;
        let states = recent.values().map(|(numbers, last)| MetricState {
            last: last.clone(),
            recent: numbers.clone(),
        });
        states.collect()
    }
}

fn held(state: &State, seen: &Observation) -> Option<HeldRevision> {
    let rejection = state.rejection(seen.head.as_ref()?)?;
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

fn share((object, workload): (&String, &Workload)) -> WorkloadShare {
    let canary = workload.canary.clone().unwrap_or_default();
    let by_pods = || {
        let all = workload.stable.ready + canary.ready;
        let percent = u64::from(canary.ready) * 100 / u64::from(all.max(1));
        u8::try_from(percent).ok()
    };
    WorkloadShare {
        object: object.clone(),
        router: workload.router,
        stable: PodCount {
            ready: workload.stable.ready,
            wanted: workload.stable.wanted,
        },
        canary: PodCount {
            ready: canary.ready,
            wanted: canary.wanted,
        },
        achieved: match workload.router {
            Router::Route | Router::Selector => workload.achieved,
            Router::Replicas | Router::InPlace => by_pods(),
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
const fn is_on_its_way(phase: RolloutPhase) -> bool {
    !matches!(
        phase,
        RolloutPhase::Settled | RolloutPhase::Baking | RolloutPhase::Held
    )
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
