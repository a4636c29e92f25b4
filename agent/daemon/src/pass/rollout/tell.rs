//! Tells what a look at a rollout has brought.

use rollout::{
    Effects, Observation, State,
    wish::{Event, Record},
};

use super::Pass;
use crate::{outcome::Told, rollouts::Chosen, told::RolloutLook};

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
        self.remember_numbers(&effects.records);
        let mut records = self.rollouts().untold.clone();
        records.extend(effects.records.iter().cloned());
        self.rollouts().untold.clone_from(&records);
        let before = self.state.status.rollout.clone();
        let look = RolloutLook {
            state,
            effects,
            seen,
            strategy: &chosen.name,
            numbers: &self.rollouts().recent,
            before: before.as_ref(),
        };
        let told = Told {
            status: look.status(),
            release: look.release(),
            metrics: look.metrics(),
            records,
            current: look.is_current(),
        };
        self.outcome.rollout = Some(told);
    }

    fn remember_numbers(&mut self, records: &[Record]) {
        // What ends a rollout was judged before, and is one number.
        let judged = records.iter().filter(|one| one.event == Event::Judged);
        let decisions = judged.filter_map(|record| record.decision.clone());
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
}
