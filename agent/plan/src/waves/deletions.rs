//! The deletions of a plan, step by step.

use krm::ObjectId;

use crate::diff::Deletion;

/// How far the deletions have come.
#[derive(Debug)]
pub(super) struct Deletions<'p> {
    all: &'p [Deletion],
    states: Vec<State>,
    /// Those that will not go in this pass: refused, or not approved.
    stuck: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Pending,
    Running,
    Gone,
    Stuck,
    /// Never started: something that needs it is stuck.
    Blocked,
}

impl<'p> Deletions<'p> {
    pub(super) fn new(all: &'p [Deletion]) -> Self {
        let state = |gone: &Deletion| match gone.waits {
            true => State::Stuck,
            false => State::Pending,
        };
        let stuck = (0..all.len()).filter(|index| all[*index].waits);
        Self {
            all,
            states: all.iter().map(state).collect(),
            stuck: stuck.collect(),
        }
    }

    /// Those that may start now: of the first step that is not over, less what something stuck needs.
    pub(super) fn next(&mut self) -> Vec<usize> {
        while let Some(first) = self.states.iter().position(|state| state.is_open()) {
            let step = self.all[first].step;
            let rest = first..self.all.len();
            let (mut start, mut running) = (Vec::new(), false);
            for index in rest.take_while(|index| self.all[*index].step == step) {
                match self.states[index] {
                    State::Running => running = true,
                    State::Pending if self.is_needed(index) => self.states[index] = State::Blocked,
                    State::Pending => {
                        self.states[index] = State::Running;
                        start.push(index);
                    }
                    State::Gone | State::Stuck | State::Blocked => {}
                }
            }
            if running || !start.is_empty() {
                return start;
            }
        }
        Vec::new()
    }

    /// Workloads of a rollout that is over; nothing else is left to start first.
    pub(super) fn next_temporary(&mut self) -> Vec<usize> {
        let pairs = self.all.iter().zip(&mut self.states).enumerate();
        let open = pairs.filter(|(_, (gone, state))| gone.temporary && **state == State::Pending);
        open.map(|(index, (_, state))| {
            *state = State::Running;
            index
        })
        .collect()
    }

    pub(super) fn ended(&mut self, index: usize, gone: bool) {
        self.states[index] = match gone {
            true => State::Gone,
            false => State::Stuck,
        };
        if !gone {
            self.stuck.push(index);
        }
    }

    /// True if nothing is left to start or to wait for.
    pub(super) fn is_over(&self) -> bool {
        !self.states.iter().any(|state| state.is_open())
    }

    pub(super) fn left(&self) -> Vec<&'p Deletion> {
        let pairs = self.all.iter().zip(&self.states);
        let left = pairs
            .filter(|(gone, state)| gone.waits || matches!(state, State::Pending | State::Blocked));
        left.map(|(gone, _)| gone).collect()
    }

    fn is_needed(&self, index: usize) -> bool {
        let gone = &self.all[index];
        let mut stuck = self.stuck.iter().map(|stuck| &self.all[*stuck]);
        stuck.any(|stuck| stuck.step < gone.step && needs(stuck, gone))
    }
}

impl State {
    fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}

/// True if `stuck`, which stays for now, needs `gone`: git put it into a later wave, or it lives in that
/// namespace, or is of the kind so defined. Everything else goes: one refusal holds up nobody else.
fn needs(stuck: &Deletion, gone: &Deletion) -> bool {
    let ObjectId {
        group, kind, name, ..
    } = &gone.id;
    let on_it = match (group.as_str(), kind.as_str()) {
        ("", "Namespace") => stuck.id.namespace == *name,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            let mut parts = name.splitn(2, '.');
            parts.next().is_some() && parts.next() == Some(stuck.id.group.as_str())
        }
        _ => false,
    };
    on_it || stuck.wave > gone.wave
}
