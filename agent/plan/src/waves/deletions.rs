//! The deletions of a plan, step by step.

use crate::diff::Deletion;

/// How far the deletions have come.
#[derive(Debug)]
pub(super) struct Deletions<'p> {
    all: &'p [Deletion],
    states: Vec<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Pending,
    Running,
    Gone,
    Failed,
}

impl<'p> Deletions<'p> {
    pub(super) fn new(all: &'p [Deletion]) -> Self {
        Self {
            all,
            states: vec![State::Pending; all.len()],
        }
    }

    /// Those that may start now: of the first step that is not all gone.
    pub(super) fn next(&mut self) -> Vec<usize> {
        let first = self.states.iter().position(|state| *state != State::Gone);
        let Some(step) = first.map(|first| self.all[first].step) else {
            return Vec::new();
        };
        let mut start = Vec::new();
        for (index, state) in self.states.iter_mut().enumerate() {
            if *state == State::Pending && self.all[index].step == step {
                *state = State::Running;
                start.push(index);
            }
        }
        start
    }

    pub(super) fn ended(&mut self, index: usize, gone: bool) {
        self.states[index] = match gone {
            true => State::Gone,
            false => State::Failed,
        };
    }

    /// True if nothing is left to start or to wait for. A failure ends it with its step: what is deleted
    /// later may be what the failed one still needs.
    pub(super) fn is_over(&self) -> bool {
        let failed = self.failed_step();
        let open = |(index, state): (usize, &State)| match state {
            State::Pending => failed.is_none_or(|failed| self.all[index].step <= failed),
            State::Running => true,
            State::Gone | State::Failed => false,
        };
        !self.states.iter().enumerate().any(open)
    }

    pub(super) fn left(&self) -> Vec<&'p Deletion> {
        let pairs = self.all.iter().zip(&self.states);
        let left = pairs.filter(|(_, state)| **state == State::Pending);
        left.map(|(deletion, _)| deletion).collect()
    }

    fn failed_step(&self) -> Option<u32> {
        let failed = self.states.iter().position(|state| *state == State::Failed);
        failed.map(|index| self.all[index].step)
    }
}
