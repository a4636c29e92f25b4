//! How far the analysis of a step has come, as a Release tells it, so that a restart need not ask for all of it again.
//!
//! What is told may be older than what was counted, and is never more. Whoever takes it up has to hear a number too before
//! anything passes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    machine::GATE,
    state::{Phase, Rollout, State},
};

/// Good samples of a step's own analysis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// Since when they count: no other time at which a step was as it should be has any part in them.
    #[schemars(with = "String")]
    pub since: Timestamp,
    /// How many there are, by metric.
    pub good: BTreeMap<String, u32>,
}

impl Rollout {
    /// How far the analysis of the step it is at has come, if it is at one that has some.
    pub fn gate(&self) -> Option<Gate> {
        let Phase::Stepping(stepping) = &self.phase else {
            return None;
        };
        let counted = stepping.gate.iter().filter(|(_, tally)| tally.good > 0);
        let good: BTreeMap<_, _> = counted
            .map(|(name, tally)| (name.clone(), tally.good))
            .collect();
        let since = stepping.reached?;
        (!good.is_empty()).then_some(Gate { since, good })
    }
}

impl State {
    /// Takes up what was told of the rollout called `id`. One sample of each metric is left to be heard.
    pub fn take_up(&mut self, id: &str, told: &Gate) {
        let Some(rollout) = self.rollout.as_mut().filter(|one| one.id() == id) else {
            return;
        };
        let Some(analysis) = rollout.gate_analysis() else {
            return;
        };
        let Phase::Stepping(stepping) = &mut rollout.phase else {
            return;
        };
        if stepping.reached != Some(told.since) {
            return;
        }
        let most = analysis.count.unwrap_or(GATE).saturating_sub(1);
        for metric in &analysis.metrics {
            let known = told.good.get(&metric.name).copied().unwrap_or_default();
            let tally = stepping.gate.entry(metric.name.clone()).or_default();
            tally.good = tally.good.max(known.min(most));
        }
    }
}
