//! Commands and approvals: each counts once, and only for what it was meant for.

use super::{Run, step_at};
use crate::{
    observe::{Action, Command},
    state::{Cause, Phase, Rejection, Rollout},
    strategy::Step,
    wish::Event,
};

impl Run<'_> {
    /// Obeys the newest command, unless it was obeyed before.
    pub(super) fn heed(&mut self) {
        let Some(command) = &self.seen.command else {
            return;
        };
        if self.state.handled.as_ref() == Some(&command.id) {
            return;
        }
        self.state.handled = Some(command.id.clone());
        let word = command.action.as_str();
        match self.fits(command).and_then(|()| self.obey(command)) {
            Ok(()) => self.record_by(Event::Commanded, word, &command.by),
            Err(why) => self.record_by(Event::Ignored, format!("{word}: {why}"), &command.by),
        }
    }

    /// Whether what it was meant for is what is there.
    fn fits(&self, command: &Command) -> Result<(), String> {
        let here = match command.action {
            Action::Retry => self.rejected_head().map(Rejection::id),
            _ => self.state.rollout.as_ref().map(Rollout::id),
        };
        let step = self.state.rollout.as_ref().map(|rollout| rollout.step);
        match (&command.rollout, command.step) {
            (Some(meant), _) if here.as_ref() != Some(meant) => Err(format!(
                "it was meant for {meant}, and {} is there",
                here.as_deref().unwrap_or("nothing")
            )),
            (_, Some(meant)) if step != Some(meant) => {
                Err(format!("it was meant for step {}", meant + 1))
            }
            _ => Ok(()),
        }
    }

    fn obey(&mut self, command: &Command) -> Result<(), String> {
        if let Some(why) = self.seen.uncut.as_ref().filter(|_| self.moves(command)) {
            return Err(format!("it stands still: {why}"));
        }
        // Who leaves a step out does not leave out what is watched.
        let leaves_out = matches!(command.action, Action::Skip | Action::PromoteFully);
        if leaves_out && let Some(cause) = self.failing() {
            let why = format!("it goes back: {}", cause.sentence());
            self.end(cause);
            return Err(why);
        }
        if leaves_out && let Some(why) = self.comes_first() {
            return Err(why);
        }
        let (done, else_why) = match command.action {
            Action::Abort => (self.abort(&command.by), "there is nothing to go back from"),
            Action::Retry => (self.retry(), "nothing was rejected"),
            Action::Pause => (self.pause(&command.by), "no step is under way"),
            Action::Promote => (self.promote(&command.by), "the step waits for nobody"),
            Action::Skip => (self.skip(), "no step is under way"),
            Action::PromoteFully => (self.promote_fully(), "no step is under way"),
        };
        match done {
            true => Ok(()),
            false => Err(else_why.to_owned()),
        }
    }

    /// Whether `command` would begin something: a step, or the way back to a former release.
    fn moves(&self, command: &Command) -> bool {
        let phase = self.state.rollout.as_ref().map(|rollout| &rollout.phase);
        match command.action {
            Action::Promote | Action::PromoteFully | Action::Skip => true,
            Action::Abort => matches!(phase, Some(Phase::Baking { .. })),
            Action::Pause | Action::Retry => false,
        }
    }

    /// The bad number that has come in, if that ends the steps. Those that are missing are for people to judge.
    fn failing(&mut self) -> Option<Cause> {
        let rollout = self.state.rollout.as_ref()?;
        let stepping = matches!(rollout.phase, Phase::Stepping(_));
        stepping.then(|| self.bad_number()).flatten()
    }

    fn abort(&mut self, by: &str) -> bool {
        let cause = Cause::Aborted { by: by.to_owned() };
        match self.state.rollout.as_ref().map(|rollout| &rollout.phase) {
            None => false,
            Some(Phase::Ending { .. }) => self.end_unseen(by),
            Some(Phase::Baking { .. }) => self.roll_back(cause),
            Some(_) => {
                self.end(cause);
                true
            }
        }
    }

    fn retry(&mut self) -> bool {
        let head = self.seen.head.as_ref();
        let mut rejected = self.state.rejected.iter_mut();
        let found =
            rejected.find(|rejection| Some(&rejection.revision) == head && !rejection.retry);
        match found {
            Some(rejection) if self.state.rollout.is_none() => {
                rejection.retry = true;
                true
            }
            _ => false,
        }
    }

    fn pause(&mut self, by: &str) -> bool {
        match &mut self.state.rollout {
            Some(rollout) if matches!(rollout.phase, Phase::Stepping(_)) => {
                rollout.paused = Some(by.to_owned());
                true
            }
            _ => false,
        }
    }

    fn promote(&mut self, by: &str) -> bool {
        let Some(rollout) = &mut self.state.rollout else {
            return false;
        };
        if rollout.paused.take().is_some() {
            return true;
        }
        let waits = matches!(
            step_at(&rollout.strategy.steps, rollout.step),
            Some(Step::Pause(_) | Step::Approve(_))
        );
        match &mut rollout.phase {
            Phase::Stepping(stepping) if waits => stepping.approvals.insert(by.to_owned()),
            _ => false,
        }
    }

    fn skip(&mut self) -> bool {
        match &mut self.state.rollout {
            Some(rollout) if matches!(rollout.phase, Phase::Stepping(_)) => {
                rollout.paused = None;
                self.next();
                true
            }
            _ => false,
        }
    }

    /// Two namespaces change places only when the new one carries everybody; workloads side by side are replaced in
    /// the way of their own kind, which keeps their pods serving.
    fn promote_fully(&mut self) -> bool {
        let Some(rollout) = &mut self.state.rollout else {
            return false;
        };
        if !matches!(rollout.phase, Phase::Stepping(_)) {
            return false;
        }
        rollout.paused = None;
        let last = rollout.strategy.steps.len();
        match rollout.strategy.namespaces.is_some() {
            true => {
                rollout.strategy.steps.push(Step::Weight(100));
                self.enter(last);
            }
            false => self.up(),
        }
        true
    }

    /// Counts the approvals of this very step.
    pub(super) fn count_approvals(&mut self) {
        let Some(rollout) = &mut self.state.rollout else {
            return;
        };
        let (id, step) = (rollout.id(), rollout.step);
        let waits = matches!(
            step_at(&rollout.strategy.steps, step),
            Some(Step::Pause(_) | Step::Approve(_))
        );
        let Phase::Stepping(stepping) = &mut rollout.phase else {
            return;
        };
        let meant = self
            .seen
            .approvals
            .iter()
            .filter(|approval| waits && approval.rollout == id && approval.step == step);
        let mut new = Vec::new();
        for approval in meant {
            if stepping.approvals.insert(approval.by.clone()) {
                new.push(approval.by.clone());
            }
        }
        for by in new {
            self.record_by(Event::Approved, format!("step {} approved", step + 1), &by);
        }
    }
}

impl Action {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::PromoteFully => "promote --full",
            Self::Skip => "skip",
            Self::Pause => "pause",
            Self::Abort => "abort",
            Self::Retry => "retry",
        }
    }
}
