//! What lies ahead of a rollout, for people: when it goes on by itself, when it is given up, how long all of it takes.
//!
//! Nothing is decided by it.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    machine::GATE,
    state::{Phase, Rollout},
    strategy::{Analysis, Step},
};

/// What is left of a rollout if all goes well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// The least time until the last step is passed.
    pub at_best: Duration,
    /// True if somebody has to say something on the way.
    pub needs_somebody: bool,
}

impl Rollout {
    /// When it goes on by itself, where time alone decides that.
    pub fn until(&self) -> Option<Timestamp> {
        if self.halted.is_some() {
            return None;
        }
        match &self.phase {
            Phase::Stepping(stepping) if self.paused.is_none() => {
                let (since, length) = match self.strategy.steps.get(self.step)? {
                    Step::Pause(pause) => (stepping.reached?, pause.duration?),
                    Step::Chaos(chaos) => (stepping.disturbed?, chaos.duration),
                    _ => return None,
                };
                since.checked_add(length.duration()).ok()
            }
            Phase::Baking { since, .. } => since.checked_add(self.strategy.bake?.duration()).ok(),
            _ => None,
        }
    }

    /// When it is given up, unless what it waits for comes before.
    pub fn deadline(&self) -> Option<Timestamp> {
        if self.halted.is_some() {
            return None;
        }
        let since = match &self.phase {
            Phase::Stepping(stepping) => stepping.waiting?,
            Phase::Promoting { since, .. } => *since,
            _ => return None,
        };
        let patience = self.strategy.progress_deadline.duration();
        since.checked_add(patience).ok()
    }

    /// What is left of it.
    pub fn outlook(&self, now: Timestamp) -> Outlook {
        let Phase::Stepping(stepping) = &self.phase else {
            return Outlook::default();
        };
        let mut outlook = Outlook {
            needs_somebody: self.paused.is_some() || self.halted.is_some(),
            ..Outlook::default()
        };
        for (place, step) in self.strategy.steps.iter().enumerate().skip(self.step) {
            let here = place == self.step;
            let passed = stepping.reached.filter(|_| here);
            let passed = passed.map_or(0, |reached| now.duration_since(reached).as_secs());
            let passed = Duration::from_secs(u64::try_from(passed).unwrap_or_default());
            match step.takes() {
                Some(length) => outlook.at_best += length.saturating_sub(passed),
                None => outlook.needs_somebody |= !(here && is_answered(step, stepping)),
            }
        }
        outlook
    }
}

/// True once nobody more has to say anything.
fn is_answered(step: &Step, stepping: &crate::state::Stepping) -> bool {
    let needed = match step {
        Step::Approve(approve) => usize::try_from(approve.needed).unwrap_or(usize::MAX),
        _ => 1,
    };
    stepping.approvals.len() >= needed
}

impl Step {
    /// How long it takes at least, once it is reached; `None` if somebody has to say something.
    pub fn takes(&self) -> Option<Duration> {
        Some(match self {
            Self::Weight(_) | Self::Replicas(_) | Self::Flag(_) => Duration::ZERO,
            Self::Pause(pause) => pause.duration?.duration(),
            Self::Chaos(chaos) => chaos.duration.duration(),
            Self::Analysis(analysis) => analysis.takes(),
            Self::Synthetic(synthetic) => {
                synthetic.interval.duration() * synthetic.count.saturating_sub(1)
            }
            Self::Approve(_) => return None,
        })
    }

    /// The step in few words: `10 %`, `2m`, `5 pods`, `approval of 2`.
    pub fn brief(&self) -> String {
        match self {
            Self::Weight(percent) => format!("{percent} %"),
            Self::Replicas(amount) => format!("{amount} pods"),
            Self::Pause(pause) => match pause.duration {
                Some(length) => length.to_string(),
                None => "pause".to_owned(),
            },
            Self::Analysis(_) => "analysis".to_owned(),
            Self::Synthetic(_) => "checks".to_owned(),
            Self::Chaos(chaos) => format!("chaos {}", chaos.duration),
            Self::Flag(flag) => format!("{} {} %", flag.flag, flag.percent),
            Self::Approve(approve) => match approve.needed {
                1 => "approval".to_owned(),
                needed => format!("approval of {needed}"),
            },
        }
    }
}

impl Analysis {
    /// The first sample is taken at once.
    fn takes(&self) -> Duration {
        self.interval.duration() * self.count.unwrap_or(GATE).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        state::{Direction, Revision, Stepping},
        strategy::builtin,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn rollout(step: usize, reached: Option<i64>) -> Rollout {
        Rollout {
            target: Revision::default(),
            number: 1,
            direction: Direction::Forward,
            strategy: builtin("canary").unwrap(),
            side: None,
            began: at(0),
            baseline: std::collections::BTreeMap::new(),
            watched: Vec::new(),
            halted: None,
            paused: None,
            ailing: std::collections::BTreeSet::new(),
            flags_before: std::collections::BTreeMap::new(),
            flags_in_git_before: std::collections::BTreeMap::new(),
            step,
            weight: 1,
            phase: Phase::Stepping(Stepping {
                reached: reached.map(at),
                ..Stepping::new(at(0))
            }),
        }
    }

    #[test]
    fn the_rest_of_a_classic_canary_is_its_pauses() {
        let start = rollout(0, None).outlook(at(0));
        assert_eq!(
            (start.at_best.as_secs(), start.needs_somebody),
            (6 * 120, false)
        );
        let later = rollout(3, Some(10));
        assert_eq!(later.outlook(at(40)).at_best.as_secs(), 5 * 120 - 30);
        assert_eq!(later.until(), Some(at(130)));
        assert_eq!(rollout(2, Some(10)).until(), None, "a weight has no time");
    }

    #[test]
    fn what_is_paused_needs_somebody() {
        let mut paused = rollout(3, Some(10));
        paused.paused = Some("jane".to_owned());
        assert!(paused.outlook(at(10)).needs_somebody);
        assert_eq!(paused.until(), None);
    }
}
