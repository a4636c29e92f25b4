//! Back: to the old version while a rollout is under way, to the former release after it.

use jiff::Timestamp;

use super::{Run, elapsed, short};
use crate::{
    observe::Router,
    state::{Cause, Direction, Phase, REJECTIONS, Rejection, Rollout},
    strategy::builtin,
    wish::Event,
};

impl Run<'_> {
    /// Everybody goes back to the stable version, at once.
    pub(super) fn end(&mut self, cause: Cause) {
        let Some(rollout) = &mut self.state.rollout else {
            return;
        };
        let asked = matches!(cause, Cause::Aborted { .. } | Cause::Removed);
        if rollout.direction == Direction::Back && !asked {
            // There is nothing behind the former release. Side by side it takes its place pod by pod, without a
            // proof; a namespace whose pods are not there is given nobody.
            return match rollout.strategy.namespaces.is_some() {
                true => {
                    self.cap();
                    self.waiting = cause.sentence();
                }
                false => self.up(),
            };
        }
        rollout.weight = 0;
        // What goes back stands still no longer.
        rollout.halted = None;
        let flags = (
            rollout.flags_before.clone(),
            rollout.flags_in_git_before.clone(),
        );
        (self.state.flags, self.state.flags_in_git) = flags;
        let message = format!("{}: {}", cause.as_str(), cause.sentence());
        rollout.phase = Phase::Ending {
            since: self.now,
            cause: cause.clone(),
        };
        self.record(Event::Ending, message);
        if let (Some(record), Cause::AnalysisFailed { decision }) = (self.records.last_mut(), cause)
        {
            record.decision = Some(decision);
        }
    }

    /// Until nobody is led to the canary and no disturbance is left.
    pub(super) fn ending(&mut self) {
        let Some(rollout) = &self.state.rollout else {
            return;
        };
        let chaos = self
            .seen
            .chaos
            .left
            .then(|| "what the disturbance made is not gone yet".to_owned());
        let late = rollout.ends_late(self.now);
        let unseen = self.seen.workloads.is_empty();
        let unseen = unseen.then(|| "the workloads have not been seen".to_owned());
        let left = self.unreplaced(rollout);
        // Where nobody can tell what it was about, the good revision alone is put back, and that is all there is to see.
        let shown = rollout.unrouted(self.seen).or(unseen).or(left);
        let shown = shown.filter(|_| self.seen.uncut.is_none());
        let shown = shown.map(|why| match late {
            true => format!("{why}; `driftless rollout abort` once more ends it unseen"),
            false => why,
        });
        if let Some(why) = chaos.or(shown) {
            self.waiting = why;
            return;
        }
        let off = format!("{} is off", short(&rollout.target.commit));
        self.ended(off);
    }

    /// What somebody says who has seen to it: nobody is led there any more. Only once that should long have been seen.
    pub(super) fn end_unseen(&mut self, by: &str) -> bool {
        let rollout = self.state.rollout.as_ref();
        let late = rollout.filter(|one| one.ends_late(self.now) && !self.seen.chaos.left);
        let Some(rollout) = late else {
            return false;
        };
        let commit = short(&rollout.target.commit);
        let off = match rollout.unrouted(self.seen) {
            Some(why) => format!("{commit} is off, as {by} says; {why}"),
            None => format!("{commit} is off, as {by} says"),
        };
        self.ended(off);
        true
    }

    fn ended(&mut self, message: String) {
        let Some(rollout) = self.state.rollout.take() else {
            return;
        };
        let Phase::Ending { cause, .. } = rollout.phase else {
            return;
        };
        self.record(Event::Ended, message);
        if rollout.direction == Direction::Back {
            // Somebody wants to keep what the alarm was about.
            let good = self.state.good.clone();
            self.state
                .rejected
                .retain(|one| Some(&one.revision) != good.as_ref());
        } else if cause.rejects() {
            self.reject(Rejection {
                revision: rollout.target,
                number: rollout.number,
                at: self.now,
                cause,
                retry: false,
            });
        }
    }

    /// Pods that are not in their old place again; waited for as long as for any pods.
    fn unreplaced(&self, rollout: &Rollout) -> Option<String> {
        let late = rollout.ends_late(self.now);
        let mut workloads = self.seen.workloads.iter();
        workloads.find_map(|(key, one)| {
            let left = one.canary.as_ref().map_or(0, |pods| pods.wanted);
            let waits = one.router == Router::InPlace && left > 0 && !late;
            waits.then(|| format!("{key}: {left} pods are not of the old version again"))
        })
    }

    /// After promotion: rejects what serves, and brings the former release back. False if there is none.
    pub(super) fn roll_back(&mut self, cause: Cause) -> bool {
        let (Some(rollout), Some(former)) = (self.state.rollout.take(), self.state.former.clone())
        else {
            let message = format!("{}; there is no former release", cause.sentence());
            self.record(Event::Ignored, message);
            return false;
        };
        let message = format!("{}; back to {}", cause.sentence(), short(&former.commit));
        let flags = (
            rollout.flags_before.clone(),
            rollout.flags_in_git_before.clone(),
        );
        (self.state.flags, self.state.flags_in_git) = flags;
        let strategy = builtin::way_back(&rollout.strategy);
        self.reject(Rejection {
            revision: rollout.target,
            number: rollout.number,
            at: self.now,
            cause,
            retry: false,
        });
        self.start(former, strategy, Direction::Back);
        self.record(Event::RollingBack, message);
        true
    }

    fn reject(&mut self, rejection: Rejection) {
        let rejected = &mut self.state.rejected;
        rejected.retain(|one| one.revision != rejection.revision);
        rejected.push(rejection);
        let surplus = rejected.len().saturating_sub(REJECTIONS);
        rejected.drain(..surplus);
    }
}

impl Rollout {
    /// True if it has been going back for longer than pods and shares may take.
    fn ends_late(&self, now: Timestamp) -> bool {
        let deadline = self.strategy.progress_deadline.duration();
        matches!(&self.phase, Phase::Ending { since, .. } if elapsed(*since, now) >= deadline)
    }
}
