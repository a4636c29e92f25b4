//! The whole picture that a state wishes for, and when time alone can change it.

use jiff::Timestamp;

use super::{later, samples::Armed, step_at};
use crate::{
    observe::{Observation, Workload},
    state::{Phase, Rollout, State, Stepping, Tallies},
    strategy::Step,
    wish::{Canary, Check, Other, Wish},
};

pub(super) fn picture(
    state: &State,
    seen: &Observation,
    now: Timestamp,
) -> (Wish, Option<Timestamp>) {
    let mut wish = Wish {
        base: state.good.clone(),
        other: state.standing_by(now),
        namespaces: state.namespaces.clone(),
        side: state.side.clone(),
        flags: state.flags.clone(),
        flags_in_git: state.flags_in_git.clone(),
        ..Wish::default()
    };
    let standby = state.standby.iter();
    let mut wake: Vec<Timestamp> = standby.map(|standby| standby.until).collect();
    if let Some(rollout) = &state.rollout {
        rollout.paint(&mut wish, seen, now);
        wake.extend(rollout.wakes(seen, now));
    }
    (wish, wake.into_iter().filter(|at| *at > now).min())
}

impl State {
    /// The former release, where it is kept.
    fn standing_by(&self, now: Timestamp) -> Option<Other> {
        let standby = self.standby.clone().filter(|standby| now < standby.until)?;
        Some(Other {
            namespace: standby.namespace,
            revision: self.former.clone()?,
            pods: standby.pods,
        })
    }
}

impl Rollout {
    fn paint(&self, wish: &mut Wish, seen: &Observation, now: Timestamp) {
        for armed in self.armed(seen).into_iter().filter(|armed| armed.is_asked) {
            wish.checks.extend(self.checks(&armed, now));
        }
        if let Phase::Baking { .. } = self.phase {
            return;
        }
        if let Phase::Promoting { .. } | Phase::Returning { .. } = self.phase {
            wish.base = Some(self.target.clone());
        }
        if self.strategy.namespaces.is_some() {
            wish.namespaces.clone_from(&self.strategy.namespaces);
        }
        wish.chaos = self.disturbance(now);
        let canary = self.canary(seen, now);
        if let Some(namespace) = self.side.clone() {
            wish.other = Some(Other {
                namespace,
                revision: self.target.clone(),
                pods: canary.pods.clone(),
            });
        }
        wish.canary = Some(canary);
    }

    fn canary(&self, seen: &Observation, now: Timestamp) -> Canary {
        let ending = matches!(self.phase, Phase::Ending { .. });
        let workloads = || seen.workloads.iter();
        let chaos = self.chaos_step().filter(|_| self.is_disturbed(now));
        let disturbed = chaos.and_then(|chaos| chaos.scale);
        let pods = |key: &String, one: &Workload| match disturbed {
            // Where pods make the share, nobody on the canary means no pods of it.
            _ if ending && !one.router.is_exact() => 0,
            Some(amount) => amount.of(self.pods(key, one)),
            None => self.pods(key, one),
        };
        Canary {
            revision: self.target.clone(),
            traffic: self.strategy.traffic,
            weight: self.weight,
            target: if ending { 0 } else { self.target() },
            pods: workloads()
                .map(|(key, one)| (key.clone(), pods(key, one)))
                .collect(),
            floors: workloads()
                .map(|(key, one)| (key.clone(), self.need(key, one)))
                .collect(),
            testers: self.testers(seen),
        }
    }

    /// Testers come as soon as somebody is there to serve them, and go with everybody else.
    fn testers(&self, seen: &Observation) -> Option<crate::strategy::Testers> {
        let serving = seen.workloads.values().all(|one| one.canary_ready() > 0);
        let stepping = matches!(self.phase, Phase::Stepping(_));
        self.strategy
            .testers
            .clone()
            .filter(|_| serving && stepping)
    }

    fn checks(&self, armed: &Armed, now: Timestamp) -> Vec<Check> {
        let tallies = self.tallies_of(armed.is_gate);
        let metrics = armed.analysis.metrics.iter();
        metrics
            .map(|metric| {
                let tally = tallies.and_then(|all| all.get(&metric.name));
                Check {
                    key: armed.key(metric),
                    metric: metric.clone(),
                    due: armed.due(tally, now),
                    last: tally.and_then(|tally| tally.last),
                }
            })
            .collect()
    }

    fn tallies_of(&self, gate: bool) -> Option<&Tallies> {
        match &self.phase {
            Phase::Stepping(Stepping { gate: own, .. }) if gate => Some(own),
            Phase::Stepping(Stepping { watch, .. })
            | Phase::Promoting { watch, .. }
            | Phase::Baking { watch, .. } => Some(watch),
            Phase::Returning { .. } | Phase::Ending { .. } => None,
        }
    }

    /// When something can change by time alone.
    fn wakes(&self, seen: &Observation, now: Timestamp) -> Vec<Timestamp> {
        let mut wakes = Vec::new();
        let deadline = self.strategy.progress_deadline.duration();
        match &self.phase {
            Phase::Stepping(stepping) => {
                wakes.extend(stepping.waiting.map(|since| later(since, deadline)));
                wakes.extend(self.disturbance_wakes(now));
                if let (Some(Step::Pause(pause)), Some(reached)) =
                    (step_at(&self.strategy.steps, self.step), stepping.reached)
                {
                    wakes.extend(
                        pause
                            .duration
                            .map(|length| later(reached, length.duration())),
                    );
                }
            }
            Phase::Promoting { since, .. } | Phase::Ending { since, .. } => {
                wakes.push(later(*since, deadline));
            }
            Phase::Baking { .. } => wakes.extend(self.bakes_until()),
            Phase::Returning { .. } => {}
        }
        for armed in self.armed(seen).into_iter().filter(|armed| armed.is_asked) {
            let tallies = self.tallies_of(armed.is_gate);
            let metrics = armed.analysis.metrics.iter();
            wakes.extend(metrics.map(|metric| armed.wake(metric, tallies, now)));
        }
        wakes
    }
}
