//! A chaos step: what is disturbed, from when until when, and who is killed.
//!
//! Its time counts from when all of it is seen to be there, so that a disturbance that never came proves nothing. Pods to
//! be killed are chosen once and kept in the state, each with its UID: whoever goes on with it kills nobody else.

use jiff::Timestamp;

use super::{Run, later, step_at};
use crate::{
    state::{Phase, Rollout, State, Stepping},
    strategy::{Chaos, Step, share},
    victim::Victim,
    wish::{Disturbance, Event},
};

/// How soon to look again for the pods that may be killed.
const LOOK: std::time::Duration = std::time::Duration::from_secs(1);

impl Run<'_> {
    /// Sees to the disturbance of a chaos step that has been reached. True while it is under way.
    pub(super) fn disturb(&mut self) -> bool {
        let Some(rollout) = &self.state.rollout else {
            return false;
        };
        if !rollout.is_disturbed(self.now) {
            return false;
        }
        let lacking = match rollout.stepping().and_then(|stepping| stepping.disturbed) {
            Some(_) => None,
            None => self.choose().or_else(|| self.lacking_of_disturbance()),
        };
        let now = self.now;
        let Some(Phase::Stepping(stepping)) = self
            .state
            .rollout
            .as_mut()
            .map(|rollout| &mut rollout.phase)
        else {
            return false;
        };
        if let Some(why) = lacking {
            stepping.waiting.get_or_insert(now);
            self.waiting = why;
        } else {
            stepping.waiting = None;
            stepping.disturbed.get_or_insert(now);
            "the disturbance to end".clone_into(&mut self.waiting);
        }
        true
    }

    /// Chooses who is killed, unless that was done before. Says why it cannot.
    fn choose(&mut self) -> Option<String> {
        let rollout = self.state.rollout.as_mut()?;
        let percent = rollout.chaos_step()?.kill?;
        let Phase::Stepping(stepping) = &mut rollout.phase else {
            return None;
        };
        if stepping.victims.is_some() {
            return None;
        }
        let Some(pods) = &self.seen.chaos.pods else {
            return Some("the pods to be killed have not been seen".to_owned());
        };
        let victims: Vec<Victim> = pods
            .values()
            .flat_map(|pods| chosen(pods, percent))
            .collect();
        if victims.is_empty() {
            return Some("there are no pods to be killed".to_owned());
        }
        let names: Vec<&str> = victims.iter().map(|pod| pod.name.as_str()).collect();
        let message = format!("kills {}", names.join(", "));
        stepping.victims = Some(victims);
        self.record(Event::Disturbed, message);
        None
    }

    fn lacking_of_disturbance(&self) -> Option<String> {
        let rollout = self.state.rollout.as_ref()?;
        let seen = &self.seen.chaos;
        if seen.stands.as_ref() == Some(&rollout.disturbance_id()) {
            return None;
        }
        Some(match seen.lacking.as_str() {
            "" => "the disturbance is not there yet".to_owned(),
            why => format!("the disturbance is not there yet: {why}"),
        })
    }

    /// What of the disturbance keeps its step from being passed.
    pub(super) fn disturbance_left(&self, rollout: &Rollout) -> Option<String> {
        let left = rollout.chaos_step().is_some() && self.seen.chaos.left;
        left.then(|| "what the disturbance made is not gone yet".to_owned())
    }
}

impl Rollout {
    /// The chaos step it is at, if it is at one.
    pub(super) fn chaos_step(&self) -> Option<&Chaos> {
        match step_at(&self.strategy.steps, self.step) {
            Some(Step::Chaos(chaos)) => Some(chaos),
            _ => None,
        }
    }

    /// True from when a chaos step is reached until its time is over.
    pub(super) fn is_disturbed(&self, now: Timestamp) -> bool {
        let (Some(chaos), Some(stepping)) = (self.chaos_step(), self.stepping()) else {
            return false;
        };
        let over = |since| later(since, chaos.duration.duration()) <= now;
        stepping.reached.is_some() && !stepping.disturbed.is_some_and(over)
    }

    /// What is to be done while a chaos step is under way.
    pub(super) fn disturbance(&self, now: Timestamp) -> Option<Disturbance> {
        let (chaos, stepping) = (self.chaos_step()?, self.stepping()?);
        self.is_disturbed(now).then(|| Disturbance {
            id: self.disturbance_id(),
            chaos: chaos.clone(),
            victims: match stepping.disturbed {
                None => stepping.victims.clone().unwrap_or_default(),
                Some(_) => Vec::new(),
            },
            until: stepping
                .disturbed
                .map(|since| later(since, chaos.duration.duration())),
        })
    }

    /// When time alone changes something about a disturbance.
    pub(super) fn disturbance_wakes(&self, now: Timestamp) -> Option<Timestamp> {
        let disturbance = self.disturbance(now)?;
        let unseen = disturbance.chaos.kill.is_some() && disturbance.victims.is_empty();
        disturbance
            .until
            .or_else(|| unseen.then(|| later(now, LOOK)))
    }

    fn disturbance_id(&self) -> String {
        format!("{}/{}", self.id(), self.step)
    }

    fn stepping(&self) -> Option<&Stepping> {
        match &self.phase {
            Phase::Stepping(stepping) => Some(stepping),
            _ => None,
        }
    }
}

impl State {
    /// The disturbance under way, as far as it is known without a look at anything.
    pub fn disturbance(&self, now: Timestamp) -> Option<Disturbance> {
        self.rollout.as_ref()?.disturbance(now)
    }

    /// Until when what a chaos step made may stand if nobody can look; `None` if nothing may.
    pub fn disturbed_until(&self) -> Option<Timestamp> {
        let rollout = self.rollout.as_ref()?;
        let (chaos, stepping) = (rollout.chaos_step()?, rollout.stepping()?);
        let since = stepping.disturbed.or(stepping.reached)?;
        Some(later(since, chaos.duration.duration()))
    }

    /// True if the next look has to know which pods a chaos step could kill.
    pub fn chooses_victims(&self, now: Timestamp) -> bool {
        self.rollout.as_ref().is_some_and(|rollout| {
            let chosen = rollout.stepping().is_some_and(|at| at.victims.is_some());
            let kills = rollout
                .chaos_step()
                .is_some_and(|chaos| chaos.kill.is_some());
            kills && !chosen && rollout.is_disturbed(now)
        })
    }
}

/// `percent` of `pods`, at least one: in the order of their UIDs, which means nothing and is the same every time.
fn chosen(pods: &[Victim], percent: u8) -> Vec<Victim> {
    let many = u32::try_from(pods.len()).unwrap_or(u32::MAX);
    let mut pods = pods.to_vec();
    pods.sort();
    pods.truncate(share(many, percent) as usize);
    pods
}
