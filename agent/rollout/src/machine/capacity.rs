//! How many pods a share of the users takes, and which share the pods can carry.

use crate::{
    observe::{Observation, Router, Workload},
    state::{Phase, Rollout},
    strategy::{Amount, Step, Traffic, share},
};

impl Rollout {
    /// Pods that `workload` needs to serve everybody.
    pub(super) fn need(&self, key: &str, workload: &Workload) -> u32 {
        let before = self.baseline.get(key).copied().unwrap_or_default();
        before.max(workload.stable.wanted).max(1)
    }

    /// Per cent that the step it is at gives to the new version.
    pub(super) fn target(&self) -> u8 {
        let steps = self.steps_so_far().rev();
        let mut weights = steps.filter_map(|step| match step {
            Step::Weight(weight) => Some(*weight),
            _ => None,
        });
        weights.next().unwrap_or(0).min(100)
    }

    /// Pods of the new version that the step it is at wants.
    pub(super) fn pods(&self, key: &str, workload: &Workload) -> u32 {
        let (need, target) = (self.need(key, workload), self.target());
        let amount = self.amount();
        match workload.router {
            Router::Route | Router::Selector => {
                let asked = amount.map_or(0, |amount| amount.of(need));
                share(need, target).max(1).max(asked)
            }
            Router::Replicas => match self.last_shaping() {
                Some(Step::Replicas(amount)) => amount.of(need),
                _ => beside(need, target),
            },
            Router::InPlace => match self.last_shaping() {
                Some(Step::Replicas(amount)) => amount.of(need).min(need),
                _ => within(need, target),
            },
        }
    }

    /// True while the new version is to get more users as soon as its pods carry them.
    pub fn adds_users(&self) -> bool {
        matches!(self.phase, Phase::Stepping(_)) && self.weight < self.target()
    }

    /// True while everybody is to come back to the stable workloads as soon as their pods are there.
    pub const fn returns_users(&self) -> bool {
        matches!(self.phase, Phase::Promoting { .. })
    }

    fn steps_so_far(&self) -> impl DoubleEndedIterator<Item = &Step> {
        self.strategy.steps.iter().take(self.step.saturating_add(1))
    }

    fn amount(&self) -> Option<Amount> {
        let mut steps = self.steps_so_far().rev();
        steps.find_map(|step| match step {
            Step::Replicas(amount) => Some(*amount),
            _ => None,
        })
    }

    fn last_shaping(&self) -> Option<&Step> {
        let mut steps = self.steps_so_far().rev();
        steps.find(|step| matches!(step, Step::Replicas(_) | Step::Weight(_)))
    }

    /// The largest share that the ready pods of every routed workload carry.
    pub(super) fn ceiling(&self, seen: &Observation) -> u8 {
        let routed = seen
            .workloads
            .iter()
            .filter(|(_, one)| one.router.is_exact());
        let ceilings = routed.map(|(key, one)| {
            let carried = carries(one.canary_ready(), self.need(key, one));
            // A selector leads to all or nothing, and so does a switch, whatever carries it out.
            let is_switch =
                one.router == Router::Selector || self.strategy.traffic == Traffic::Switch;
            match is_switch && carried < 100 {
                true => 0,
                false => carried,
            }
        });
        ceilings.min().unwrap_or(100)
    }

    /// Why the pods are not as the step wants them.
    pub(super) fn lacking(&self, seen: &Observation) -> Option<String> {
        if seen.workloads.is_empty() {
            return Some("the workloads have not been seen".to_owned());
        }
        seen.workloads.iter().find_map(|(key, one)| {
            let (ready, wanted) = (one.canary_ready(), self.pods(key, one));
            let settled = one.canary.as_ref().and_then(|pods| pods.settled.as_ref());
            // In the same place there may still be pods of what stood there before.
            let stale = one.router != Router::InPlace && settled != Some(&self.target.digest);
            if ready < wanted {
                Some(format!(
                    "{key}: {ready} of {wanted} pods of the new version are ready"
                ))
            } else if stale {
                Some(format!("{key}: pods are still being replaced"))
            } else {
                None
            }
        })
    }

    /// Why the share is not the one that is wished for, as far as routes have been read back.
    pub(super) fn unrouted(&self, seen: &Observation) -> Option<String> {
        seen.workloads
            .iter()
            .filter(|(_, one)| one.router.is_exact() && one.achieved != Some(self.weight))
            .map(|(key, one)| match one.achieved {
                Some(achieved) => format!(
                    "{key}: its routes give {achieved} %, not yet {} %",
                    self.weight
                ),
                None => format!("{key}: its routes cannot be read"),
            })
            .next()
    }

    /// True if anybody is served by the new version.
    pub(super) fn serves(&self, seen: &Observation) -> bool {
        if seen.uncut.is_some() {
            return self.was_left_serving();
        }
        let by_pods = |one: &Workload| !one.router.is_exact() && one.canary_ready() > 0;
        self.weight > 0 || seen.workloads.values().any(by_pods)
    }
}

impl Router {
    /// True where a share can be set to the per cent.
    pub(crate) const fn is_exact(self) -> bool {
        matches!(self, Self::Route | Self::Selector)
    }
}

/// Per cent of the users that `ready` of `need` pods carry.
pub(super) fn carries(ready: u32, need: u32) -> u8 {
    let percent = u64::from(ready) * 100 / u64::from(need.max(1));
    u8::try_from(percent.min(100)).unwrap_or(100)
}

/// Pods beside `stable` ones so that they are at most `percent` of all; one at least, unless it is to be none.
fn beside(stable: u32, percent: u8) -> u32 {
    match percent {
        0 => 0,
        100.. => stable,
        _ => {
            let part = u64::from(stable) * u64::from(percent) / u64::from(100 - percent);
            u32::try_from(part).unwrap_or(stable).clamp(1, stable)
        }
    }
}

/// Pods out of `all` so that they are at most `percent` of them; one at least, unless it is to be none.
fn within(all: u32, percent: u8) -> u32 {
    let part = u64::from(all) * u64::from(percent) / 100;
    let part = u32::try_from(part).unwrap_or(all);
    if percent == 0 { 0 } else { part.clamp(1, all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_beside_others_never_get_more_than_their_share_if_one_is_not_too_many() {
        assert_eq!(beside(10, 10), 1);
        assert_eq!(beside(10, 50), 10);
        assert_eq!(beside(99, 1), 1);
        assert_eq!(beside(3, 1), 1);
        assert_eq!(beside(4, 100), 4);
        assert_eq!(beside(4, 0), 0);
    }

    #[test]
    fn shares_round_to_the_safe_side() {
        assert_eq!(carries(2, 3), 66);
        assert_eq!(carries(0, 3), 0);
        assert_eq!(carries(5, 3), 100);
        assert_eq!(share(3, 66), 2);
        assert_eq!(share(3, 67), 3);
    }

    /// What is made for a share can carry it, and what cannot carry it is not sent it.
    #[test]
    fn pods_made_for_a_share_carry_it() {
        for need in 1..=130 {
            for percent in 0..=100 {
                assert!(
                    carries(share(need, percent), need) >= percent,
                    "{need} {percent}"
                );
            }
        }
    }
}
