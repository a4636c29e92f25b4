//! Walks a plan in order: which changes and deletions may start now.
//!
//! Waits for an earlier wave to be applied and healthy, for the namespace an object lives in and for the
//! definition of its kind. A failure does not stop others of its wave, but every later wave and all
//! deletions. Deletions come last. What stands as git asks and was changed by somebody has no turn: it is put right
//! at once, whatever waits or has failed. Doing is the caller's; nothing here waits.

use std::collections::BTreeSet;

use krm::ObjectId;

use crate::{
    desired::{ApplyMode, Desired},
    diff::{Action, Change, Deletion, HoldReason, Plan, Wave},
    health::HealthStatus,
    order::WaveKey,
};

mod deletions;
mod ground;
mod hooks;
mod waiting;

use deletions::Deletions;
use ground::Ground;
pub use hooks::Hook;
use hooks::{Hooks, Say};
pub use waiting::Waiting;
use waiting::waiting;

/// How many objects a [`Step::Wait`] names at most.
const NAMED: usize = 20;

/// How far a plan has come.
#[derive(Debug)]
pub struct Progress<'p> {
    plan: &'p Plan,
    desired: &'p [Desired],
    gate: PruneGate,
    ground: Ground,
    /// Of each desired object.
    states: Vec<State>,
    turns: Vec<Turn<'p>>,
    /// Whose turn it is, and whether its changes were looked at.
    turn: usize,
    open: bool,
    /// Drift of what is there, to be put right before anything else.
    drifted: Vec<usize>,
    /// Changes that wait for what they stand on.
    parked: Vec<usize>,
    running: usize,
    /// The first wave in which something failed.
    failed: Option<i32>,
    /// True once a hook has failed or cannot run: nothing that comes after it may start.
    barred: bool,
    hooks: Hooks,
    /// True if everything git asks for is in `desired`; hooks do not run before something that is not.
    complete: bool,
    deletions: Deletions<'p>,
}

/// What comes one after the other: changes of one wave and phase, or hooks.
#[derive(Clone, Copy, Debug)]
struct Turn<'p> {
    key: WaveKey,
    /// None: hooks.
    changes: Option<&'p [Change]>,
}

/// When deletions may start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PruneGate {
    /// Once everything is applied and healthy: what runs now may still need what goes. Pods that were there for the
    /// time of a rollout nobody needs after it, whatever is the matter with the rest: they go once no more can be
    /// applied, or the next rollout would wait for them.
    #[default]
    Healthy,
    /// Once everything is applied.
    Applied,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Start these changes (places in `desired`), then ask again as each one finishes.
    Apply(Vec<usize>),
    /// Make the Jobs of these hooks (places in what [`Progress::with_hooks`] was given), then ask again as each is
    /// made. How they end is for another plan to say.
    Run(Vec<usize>),
    /// Start these deletions (places in `plan.prune`), then ask again as each one is confirmed.
    Delete(Vec<usize>),
    /// Nothing can start until something under way finishes or one of these objects becomes ready.
    Wait(Vec<Waiting>),
    /// Nothing is left to start. Failures may have kept later waves or deletions from it.
    Done,
}

/// How a change or deletion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As planned; for a deletion: confirmed gone.
    Well,
    /// Refused or failed.
    Badly,
}

/// Where a desired object stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing is to be done to it.
    Idle,
    /// Not started.
    Pending,
    Running,
    Applied,
    Failed,
    /// Never started, because what it needs has failed.
    Blocked,
    /// It must not be touched.
    Held,
}

/// Whether a change may start, as far as what it stands on is concerned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Footing {
    Firm,
    Soon,
    Never,
}

impl<'p> Progress<'p> {
    /// The beginning.
    pub fn new(plan: &'p Plan, desired: &'p [Desired], gate: PruneGate) -> Self {
        let changes = plan.changes();
        let drifted = changes.filter(|change| change.action == Action::Repair);
        let mut progress = Self {
            plan,
            desired,
            gate,
            ground: Ground::survey(desired),
            states: vec![State::Idle; desired.len()],
            turns: plan.waves.iter().map(Turn::of).collect(),
            turn: 0,
            open: false,
            drifted: drifted.map(place).collect(),
            parked: Vec::new(),
            running: 0,
            failed: None,
            barred: false,
            hooks: Hooks::default(),
            complete: true,
            deletions: Deletions::new(&plan.prune),
        };
        for change in plan.changes() {
            progress.states[change.index] = State::Pending;
        }
        progress.note_held();
        progress
    }

    /// Counts `wave` as failed where something of it cannot be in the plan: others of it go on, later ones do not.
    #[must_use]
    pub fn lacking(mut self, wave: Option<i32>) -> Self {
        self.failed = [self.failed, wave].into_iter().flatten().min();
        self
    }

    /// Lets hooks run between the changes. They do not run if the plan is not `complete`, which holds up what comes
    /// after them.
    #[must_use]
    pub fn with_hooks(mut self, hooks: Vec<Hook>, complete: bool) -> Self {
        (self.hooks, self.complete) = (Hooks::new(hooks), complete);
        let before: BTreeSet<WaveKey> = self.hooks.before().collect();
        let turn = |key| Turn { key, changes: None };
        self.turns.extend(before.into_iter().map(turn));
        self.turns.sort_by_key(|turn| turn.key);
        self
    }

    /// What may start now. Each change and deletion is handed out once.
    pub fn next(&mut self, health: &dyn Fn(&ObjectId) -> HealthStatus) -> Step {
        let step = self.advance(health);
        if self.running > 0 || !matches!(step, Step::Wait(_) | Step::Done) {
            return step;
        }
        match self.deletions.next_temporary() {
            none if none.is_empty() => step,
            start => Step::Delete(start),
        }
    }

    fn advance(&mut self, health: &dyn Fn(&ObjectId) -> HealthStatus) -> Step {
        let drifted = std::mem::take(&mut self.drifted);
        let mut start = self.sort_out(drifted, health);
        start.extend(self.unpark(health));
        while start.is_empty() && self.running == 0 && self.turn < self.turns.len() {
            if self.open {
                (self.turn, self.open) = (self.turn + 1, false);
                continue;
            }
            let sick = self.sick(Some(self.wave()), health);
            match (self.is_barred(), sick.is_empty()) {
                (true, _) => start = self.give_up(health),
                (false, false) => return Step::Wait(sick),
                (false, true) => match self.turns[self.turn].changes {
                    Some(changes) => start = self.open(changes, health),
                    None => match self.ask_hooks() {
                        Say::Go => self.open = true,
                        Say::Stop => self.barred = true,
                        Say::First(step) => return self.first(step, health),
                    },
                },
            }
        }
        match (start.is_empty(), self.running + self.parked.len()) {
            (false, _) => self.started(start),
            (true, 0) => self.next_deletions(health),
            (true, _) => Step::Wait(self.awaited(health)),
        }
    }

    /// Notes how a change ended; `index` is its place in `desired`.
    pub fn applied(&mut self, index: usize, ended: Ended) {
        self.running -= usize::from(self.states[index] == State::Running);
        match ended {
            Ended::Well => self.states[index] = State::Applied,
            Ended::Badly => self.fail(index, State::Failed),
        }
    }

    /// Notes whether the Job of a hook was made; `index` is its place in what [`Self::with_hooks`] was given.
    pub fn started_hook(&mut self, index: usize, ended: Ended) {
        self.running -= 1;
        self.hooks.started(index, ended);
        self.barred |= ended == Ended::Badly;
    }

    /// Notes how a deletion ended; `index` is its place in `plan.prune`.
    pub fn deleted(&mut self, index: usize, ended: Ended) {
        self.deletions.ended(index, ended == Ended::Well);
    }

    /// Changes that were never started because something they need has failed.
    pub fn blocked(&self) -> Vec<usize> {
        self.those(|state| state == State::Blocked)
    }

    /// Changes that were not started, for that or because they wait.
    pub fn changes_left(&self) -> Vec<usize> {
        self.those(|state| matches!(state, State::Pending | State::Blocked))
    }

    /// Deletions not started, because of a failure or a missing approval, or because they wait.
    pub fn deletions_left(&self) -> Vec<&'p Deletion> {
        self.deletions.left()
    }
}

impl<'p> Turn<'p> {
    fn of(wave: &'p Wave) -> Self {
        Self {
            key: wave.key,
            changes: Some(&wave.changes),
        }
    }
}

impl Progress<'_> {
    /// An object that must not be touched counts as failed: what comes after it may need it.
    fn note_held(&mut self) {
        let held = self.plan.held.iter();
        let held = held.filter(|held| held.reason != HoldReason::Unsynced);
        let held: BTreeSet<&ObjectId> = held.map(|held| &held.id).collect();
        for index in 0..self.desired.len() {
            if held.contains(&self.desired[index].id) {
                self.fail(index, State::Held);
            }
        }
    }

    fn fail(&mut self, index: usize, state: State) {
        let wave = self.desired[index].wave.wave;
        self.states[index] = state;
        self.failed = Some(self.failed.map_or(wave, |first| first.min(wave)));
    }

    fn those(&self, are: fn(State) -> bool) -> Vec<usize> {
        let all = 0..self.states.len();
        all.filter(|index| are(self.states[*index])).collect()
    }

    fn wave(&self) -> i32 {
        self.turns[self.turn].key.wave
    }

    /// True if an earlier wave has failed, so that this one must not start.
    fn is_barred(&self) -> bool {
        self.barred || self.failed.is_some_and(|failed| failed < self.wave())
    }

    /// Starts nothing more but what was there before and somebody deleted: it failed nobody.
    fn give_up(&mut self, health: &dyn Fn(&ObjectId) -> HealthStatus) -> Vec<usize> {
        let rest = &self.turns[self.turn..];
        let rest = rest
            .iter()
            .flat_map(|turn| turn.changes.unwrap_or_default());
        let (deleted, rest): (Vec<&Change>, Vec<&Change>) = rest
            .filter(|change| self.is_left(change.index))
            .partition(|change| change.action == Action::Restore);
        for change in rest {
            self.states[change.index] = State::Blocked;
        }
        self.turn = self.turns.len();
        self.sort_out(deleted.into_iter().map(place).collect(), health)
    }

    /// Looks at the changes of the wave whose turn it is: which can start?
    fn open(
        &mut self,
        changes: &[Change],
        health: &dyn Fn(&ObjectId) -> HealthStatus,
    ) -> Vec<usize> {
        self.open = true;
        let left = changes.iter().map(place);
        let left = left.filter(|index| self.is_left(*index));
        self.sort_out(left.collect(), health)
    }

    /// True if it is to be started and nobody has looked at it yet.
    fn is_left(&self, index: usize) -> bool {
        self.states[index] == State::Pending && !self.parked.contains(&index)
    }

    /// What hooks of this turn say. None runs without what it needs: something of its wave may be that.
    fn ask_hooks(&mut self) -> Say {
        let key = self.turns[self.turn].key;
        let lacking = !self.complete || self.failed.is_some_and(|failed| failed <= key.wave);
        match self.parked.is_empty() {
            _ if self.hooks.are_done(key) => Say::Go,
            _ if lacking => Say::Stop,
            true => self.hooks.ask_before(key),
            false => Say::First(Step::Wait(Vec::new())),
        }
    }

    fn first(&mut self, step: Step, health: &dyn Fn(&ObjectId) -> HealthStatus) -> Step {
        match step {
            Step::Wait(waiting) if waiting.is_empty() => Step::Wait(self.awaited(health)),
            Step::Run(hooks) => {
                self.running += hooks.len();
                Step::Run(hooks)
            }
            step => step,
        }
    }

    fn unpark(&mut self, health: &dyn Fn(&ObjectId) -> HealthStatus) -> Vec<usize> {
        let parked = std::mem::take(&mut self.parked);
        self.sort_out(parked, health)
    }

    /// Parks what cannot start yet, drops what never can, and returns the rest.
    fn sort_out(
        &mut self,
        changes: Vec<usize>,
        health: &dyn Fn(&ObjectId) -> HealthStatus,
    ) -> Vec<usize> {
        let mut start = Vec::new();
        for index in changes {
            match self.footing(index, health) {
                Footing::Firm => start.push(index),
                Footing::Soon => self.parked.push(index),
                Footing::Never => self.fail(index, State::Blocked),
            }
        }
        start
    }

    fn footing(&self, index: usize, health: &dyn Fn(&ObjectId) -> HealthStatus) -> Footing {
        let mut footing = Footing::Firm;
        for under in self.ground.under(&self.desired[index]) {
            let object = &self.desired[under];
            // One of a later wave is none of our business: the API server will say what is missing.
            let counts = under != index && object.wave <= self.desired[index].wave;
            match self.states[under] {
                _ if !counts || is_left_alone(object, self.states[under], health) => {}
                State::Failed | State::Blocked => return Footing::Never,
                // It is there, or it would not be held; how it is we are not told.
                State::Held => {}
                State::Pending | State::Running => footing = Footing::Soon,
                State::Idle | State::Applied => {
                    if !health(&object.id).is_fine() {
                        footing = Footing::Soon;
                    }
                }
            }
        }
        footing
    }

    fn started(&mut self, start: Vec<usize>) -> Step {
        for index in &start {
            self.states[*index] = State::Running;
        }
        self.running += start.len();
        Step::Apply(start)
    }

    /// Objects of waves before `before`, or of all, that are not fine.
    fn sick(
        &self,
        before: Option<i32>,
        health: &dyn Fn(&ObjectId) -> HealthStatus,
    ) -> Vec<Waiting> {
        let earlier = |object: &&Desired| before.is_none_or(|wave| object.wave.wave < wave);
        let objects = self.desired.iter().zip(&self.states);
        let objects = objects.filter(|(object, state)| !is_left_alone(object, **state, health));
        let sick = objects
            .map(|(object, _)| object)
            .filter(earlier)
            .filter_map(|object| waiting(&object.id, health));
        sick.take(NAMED).collect()
    }

    /// What parked changes wait for.
    fn awaited(&self, health: &dyn Fn(&ObjectId) -> HealthStatus) -> Vec<Waiting> {
        let parked = self.parked.iter();
        let under = parked.flat_map(|index| self.ground.under(&self.desired[*index]));
        let under: BTreeSet<usize> = under.collect();
        let awaited = under
            .into_iter()
            .filter_map(|index| waiting(&self.desired[index].id, health));
        awaited.take(NAMED).collect()
    }

    fn next_deletions(&mut self, health: &dyn Fn(&ObjectId) -> HealthStatus) -> Step {
        if self.failed.is_some() || self.barred {
            return Step::Done;
        }
        if self.deletions.is_over() {
            return self.end(health);
        }
        let sick = match self.gate {
            PruneGate::Healthy => self.sick(None, health),
            PruneGate::Applied => Vec::new(),
        };
        if !sick.is_empty() {
            return Step::Wait(sick);
        }
        let start = self.deletions.next();
        match (start.is_empty(), self.deletions.is_over()) {
            (false, _) => Step::Delete(start),
            (true, false) => Step::Wait(Vec::new()),
            (true, true) => self.end(health),
        }
    }

    /// Hooks that run at the end: once all is applied, gone and healthy. Nothing waits for how they end.
    fn end(&mut self, health: &dyn Fn(&ObjectId) -> HealthStatus) -> Step {
        let rest = !self.deletions.left().is_empty() || !self.complete;
        if rest || !self.sick(None, health).is_empty() {
            return Step::Done;
        }
        match self.hooks.ask_after() {
            Say::First(Step::Run(hooks)) => {
                self.running += hooks.len();
                Step::Run(hooks)
            }
            Say::Go | Say::Stop | Say::First(_) => Step::Done,
        }
    }
}

const fn place(change: &Change) -> usize {
    change.index
}

/// True for what nobody waits for: it is not ours to make, so its health is not known either.
fn is_left_alone(
    object: &Desired,
    state: State,
    health: &dyn Fn(&ObjectId) -> HealthStatus,
) -> bool {
    match object.apply {
        ApplyMode::Never => true,
        ApplyMode::Once => state == State::Idle && health(&object.id) == HealthStatus::Missing,
        ApplyMode::Always | ApplyMode::Merge => false,
    }
}
