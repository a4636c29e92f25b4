//! Everything that can happen, in every order: all short histories and many long ones.
//!
//! A history is a list of [`Happening`]s. After each one the machine looks, and what it wishes for is held against
//! rules that are written here anew, over what the world really showed and nothing that the machine says of itself.
//! A history that breaks one is cut down to the shortest that still does, and printed.
//!
//! `HISTORIES=1000000 cargo test --release -p rollout -- --ignored --nocapture` goes further; `SEED` repeats a run.

use std::{env, fmt};

use rollout::{
    State, Strategy,
    gate::Gate,
    observe::{Action, Approval, Command, Pods, Prepared, Router},
    state::{Direction, Phase, Rollout},
    strategy::{Amount, Analysis, Chaos, Namespaces, Pause, Step},
    wish::Effects,
};

use crate::world::{Metrics, WEB, World, error_rate, revision, watched};

/// Pods that everybody needs at the beginning.
const PODS: u32 = 4;
/// Three intervals of the analysis: an older number is none.
const SILENCE: i64 = 90;
/// Good numbers that the analysis of a step needs.
const NEEDED: u32 = 2;

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Happening {
    Nothing,
    LongNothing,
    NumbersGood,
    NumbersBad,
    NumbersEmpty,
    NumbersNan,
    NobodyAsks,
    PodsDie,
    PodsRecover,
    PodsCrash,
    RoutesStop,
    RoutesGo,
    RouteEdited,
    NewCommit,
    OldCommit,
    Revert,
    FewerWanted,
    MoreWanted,
    StableBreaks,
    Blind,
    Restart,
    Alarm,
    Calm,
    ChaosSticks,
    ChaosGoes,
    Abort,
    Promote,
    Skip,
    Pause,
    PromoteFully,
    Retry,
    Approve,
    Suspend,
    Uncut,
    ClockBack,
    ClockSet,
    HookRuns,
    HookFails,
    HookEnds,
}

use Happening::{
    Abort, Alarm, Approve, Blind, Calm, ChaosGoes, ChaosSticks, ClockBack, ClockSet, FewerWanted,
    HookEnds, HookFails, HookRuns, LongNothing, MoreWanted, NewCommit, NobodyAsks, Nothing,
    NumbersBad, NumbersEmpty, NumbersGood, NumbersNan, OldCommit, PodsCrash, PodsDie, PodsRecover,
    Promote, PromoteFully, Restart, Retry, Revert, RouteEdited, RoutesGo, RoutesStop, Skip,
    StableBreaks, Suspend, Uncut,
};

const ALL: [Happening; 39] = [
    Nothing,
    LongNothing,
    NumbersGood,
    NumbersBad,
    NumbersEmpty,
    NumbersNan,
    NobodyAsks,
    PodsDie,
    PodsRecover,
    PodsCrash,
    RoutesStop,
    RoutesGo,
    RouteEdited,
    NewCommit,
    OldCommit,
    Revert,
    FewerWanted,
    MoreWanted,
    StableBreaks,
    Blind,
    Restart,
    Alarm,
    Calm,
    ChaosSticks,
    ChaosGoes,
    Abort,
    Promote,
    Skip,
    Happening::Pause,
    PromoteFully,
    Retry,
    Approve,
    Suspend,
    Uncut,
    ClockBack,
    ClockSet,
    HookRuns,
    HookFails,
    HookEnds,
];

/// A broken rule, and how it came to that.
struct Broken {
    rule: String,
    history: Vec<Happening>,
}

/// Whether anybody looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    Always,
    /// Suspended.
    Never,
    /// For the first time since then.
    Again,
}

impl Looks {
    const fn turned(self) -> Self {
        match self {
            Self::Never => Self::Again,
            Self::Always | Self::Again => Self::Never,
        }
    }
}

/// A world under test, with what the rules need to remember.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is something that happens or not, independent of the others"
)]
#[derive(Clone)]
struct Trial {
    world: World,
    history: Vec<Happening>,
    /// Commands so far, so that each has a name of its own.
    commands: u32,
    /// The view is no longer brought up to date.
    blind: bool,
    /// Whether anybody looks.
    looks: Looks,
    /// Nobody can tell what the rollout under way is about.
    uncut: bool,
    /// Rollouts for which a bad number came in while they were under way.
    tainted: Vec<String>,
    /// When the last good number came in for the rollout under way, and of which it was.
    well: Option<(String, i64)>,
    /// Whether a number is missing now.
    missing: bool,
    /// Rollouts that were led past a step by hand.
    by_hand: bool,
    /// What a Release tells of the analysis of a step, of the last look or of one before it.
    told: Option<(String, Gate)>,
    /// Good numbers that came in for the analysis of a step, and of which.
    good: (String, u32),
}

/// What the histories begin with.
#[derive(Clone, Copy, Debug)]
enum Way {
    Beside(Router),
    Turns,
}

const WAYS: [Way; 3] = [
    Way::Beside(Router::Route),
    Way::Beside(Router::Replicas),
    Way::Turns,
];

fn pause() -> Step {
    Step::Pause(Pause {
        duration: Some(rollout::Interval::seconds(60)),
    })
}

impl Trial {
    fn new(way: Way) -> Self {
        match way {
            Way::Beside(router) => Self::beside(router),
            Way::Turns => Self::in_turns(),
        }
    }

    /// All pods first, then everybody in one write, and what served is kept for a while.
    fn in_turns() -> Self {
        let namespaces = Namespaces {
            blue: "blue".to_owned(),
            green: "green".to_owned(),
            keep: rollout::Interval::seconds(300),
        };
        let all = Step::Replicas(Amount::Percent(100));
        let mut strategy = watched(Strategy::of(vec![all, pause(), Step::Weight(100), pause()]));
        strategy.bake = Some(rollout::Interval::seconds(120));
        strategy.namespaces = Some(namespaces.clone());
        Self::in_world(World::in_turns(namespaces), strategy)
    }

    fn beside(router: Router) -> Self {
        let chaos = Chaos {
            duration: rollout::Interval::seconds(60),
            kill: Some(50),
            isolate: false,
            scale: None,
            objects: Vec::new(),
            also: Vec::new(),
        };
        let gate = Analysis {
            count: Some(NEEDED),
            ..Analysis::of(vec![error_rate()])
        };
        let mut strategy = watched(Strategy::of(vec![
            Step::Weight(25),
            pause(),
            Step::Analysis(gate),
            Step::Chaos(chaos),
            Step::Weight(100),
        ]));
        strategy.bake = Some(rollout::Interval::seconds(120));
        Self::in_world(World::new(router), strategy)
    }

    fn in_world(mut world: World, strategy: Strategy) -> Self {
        assert_eq!(strategy.faults(), []);
        world.push("b", Some(strategy));
        Self {
            world,
            history: Vec::new(),
            commands: 0,
            blind: false,
            looks: Looks::Always,
            uncut: false,
            tainted: Vec::new(),
            well: None,
            missing: false,
            by_hand: false,
            told: None,
            good: (String::new(), 0),
        }
    }

    /// `what` happens, and the machine looks.
    fn live(&mut self, what: Happening) -> Result<(), Broken> {
        self.history.push(what);
        // What was said while nobody looked is obeyed at the next look.
        self.by_hand =
            matches!(what, Skip | PromoteFully) || (self.by_hand && self.looks != Looks::Always);
        self.happen(what);
        if !self.blind {
            self.world.seen.at = self.world.now;
        }
        if self.looks == Looks::Never {
            return self.sleep();
        }
        self.looks = Looks::Always;
        let rolls = self.world.state.rollout.is_some();
        self.world.seen.uncut = (self.uncut && rolls).then(|| "web has moved".to_owned());
        self.world.aim();
        let before = self.world.clone();
        let tainted = self.tainted.len();
        self.note();
        self.note_gate();
        let effects = self.world.look();
        self.hold(&before, &effects)?;
        self.is_watched(&before, &effects, self.tainted.len() > tainted)
            .map_err(|rule| self.broken(rule))?;
        if before.seen.uncut.is_some() && effects.wish.canary.is_some() {
            // Nothing is carried out; what was well then is nothing that anything may pass by.
            (self.well, self.good.1) = (None, 0);
        } else {
            self.world.obey(&effects.wish);
        }
        self.world.measure(&effects.wish);
        self.world.pass(10);
        self.tell();
        Ok(())
    }

    /// What cannot be told stays as it is, or ends.
    fn stands_still(&self, before: &World) -> Result<(), String> {
        let (Some(old), Some(new), Some(_)) = (
            &before.state.rollout,
            &self.world.state.rollout,
            &before.seen.uncut,
        ) else {
            return Ok(());
        };
        let at = |rollout: &Rollout| (rollout.id(), rollout.step, rollout.weight);
        match at(old) == at(new) || matches!(new.phase, Phase::Ending { .. }) {
            true => Ok(()),
            false => Err("a rollout moved that nobody can tell of".to_owned()),
        }
    }

    /// While it stands still its numbers are asked for as long as it serves, and a `bad` one ends it.
    fn is_watched(&self, before: &World, effects: &Effects, bad: bool) -> Result<(), String> {
        let (Some(old), Some(_)) = (&before.state.rollout, &before.seen.uncut) else {
            return Ok(());
        };
        let watched = matches!(old.phase, Phase::Stepping(_) | Phase::Promoting { .. })
            && old.weight > 0
            && !old.watched.is_empty()
            && old.direction == Direction::Forward;
        let new = self.world.state.rollout.as_ref();
        let goes_on = new.is_some_and(|new| !matches!(new.phase, Phase::Ending { .. }));
        let looked = before.now.duration_since(before.seen.at).as_secs().abs() <= 60;
        match watched && goes_on && looked {
            true if bad => Err("a bad number did not end what stands still".to_owned()),
            true if effects.wish.checks.is_empty() => {
                Err("nobody is asked while it stands still".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// What is written into the Release, now and then: whoever dies in between has told less than was counted.
    fn tell(&mut self) {
        if self.history.len().is_multiple_of(2) {
            let rollout = self.world.state.rollout.as_ref();
            self.told = rollout.and_then(|rollout| Some((rollout.id(), rollout.gate()?)));
        }
    }

    /// Somebody new goes on with what is written down.
    fn restart(&mut self) {
        let stored = self.world.state.write();
        let mut state = State::read(&stored).expect("what was written");
        if let Some((id, gate)) = &self.told {
            state.take_up(id, gate);
        }
        self.world.state = state;
    }

    /// Nobody looks, and nothing of what stands changes.
    fn sleep(&mut self) -> Result<(), Broken> {
        let state = self.world.state.halted(self.world.now);
        let same = state == state.halted(self.world.now + jiff::SignedDuration::from_secs(9));
        let at = |state: &State| {
            let rollout = state.rollout.as_ref();
            rollout.map(|rollout| (rollout.step, rollout.weight, rollout.until()))
        };
        let before = at(&self.world.state).map(|(step, weight, _)| (step, weight, None));
        if !same || at(&state) != before {
            return Err(self.broken("a suspended rollout moved"));
        }
        self.world.state = state;
        self.world.seen.samples.clear();
        // Longer than every pause and deadline.
        self.world.pass(1000);
        // What was known to be well before is nothing that anything may pass by.
        (self.well, self.good.1) = (None, 0);
        Ok(())
    }

    fn happen(&mut self, what: Happening) {
        let world = &mut self.world;
        match what {
            Nothing => {}
            LongNothing => world.pass(400),
            NumbersGood => world.metrics = Metrics::Good,
            NumbersBad => world.metrics = Metrics::Bad,
            NumbersEmpty => world.metrics = Metrics::Empty,
            NumbersNan => world.metrics = Metrics::Nan,
            NobodyAsks => world.metrics = Metrics::Silent,
            PodsDie => {
                world.sound = false;
                if let Some(pods) = &mut world.web().canary {
                    pods.ready = 0;
                }
            }
            PodsRecover => {
                world.sound = true;
                if let Some(pods) = &mut world.web().canary {
                    pods.stuck = None;
                }
            }
            PodsCrash => {
                if let Some(pods) = &mut world.web().canary {
                    pods.stuck = Some("web-1: CrashLoopBackOff".to_owned());
                }
            }
            RoutesStop => world.routes = false,
            RoutesGo => world.routes = true,
            RouteEdited => {
                let web = world.web();
                web.achieved = web.achieved.map(|_| 77);
            }
            NewCommit => self.push("c"),
            OldCommit => self.push("b"),
            Revert => self.push("a"),
            FewerWanted => world.web().stable.wanted = 1,
            MoreWanted => {
                let pods = &mut world.web().stable;
                (pods.wanted, pods.ready) = (8, 8);
            }
            StableBreaks => world.web().stable.ready = 1,
            Blind => self.blind = !self.blind,
            Restart => self.restart(),
            Alarm => world.alarm("front"),
            Calm => world.seen.alarms.clear(),
            ChaosSticks => world.sticks = true,
            ChaosGoes => world.sticks = false,
            Abort => self.command(Action::Abort),
            Promote => self.command(Action::Promote),
            Skip => self.command(Action::Skip),
            Happening::Pause => self.command(Action::Pause),
            PromoteFully => self.command(Action::PromoteFully),
            Retry => self.command(Action::Retry),
            Approve => self.approve(),
            Suspend => self.looks = self.looks.turned(),
            Uncut => self.uncut = !self.uncut,
            ClockBack | ClockSet => self.set_clock(what),
            HookRuns | HookFails | HookEnds => world.seen.prepared = prepared(what),
        }
    }

    /// What was heard before is of another time, and that it was good proves nothing any more.
    fn set_clock(&mut self, what: Happening) {
        // Back as a new agent finds it, that cannot know; forward as one that goes on.
        let by = if what == ClockSet { 7000 } else { -5000 };
        if what == ClockSet {
            let by = jiff::SignedDuration::from_secs(by);
            self.world.state = self.world.state.clock_set(by);
        }
        self.world.pass(by);
        self.world.seen.samples.clear();
        let well = self.well.take();
        self.well = well.map(|(id, at)| (id, at + by));
    }

    fn push(&mut self, name: &str) {
        self.world.seen.head = Some(revision(name));
    }

    fn command(&mut self, action: Action) {
        self.commands += 1;
        self.world.seen.command = Some(Command {
            id: self.commands.to_string(),
            action,
            by: "ada".to_owned(),
            rollout: None,
            step: None,
        });
    }

    fn approve(&mut self) {
        if let Some(rollout) = &self.world.state.rollout {
            self.world.seen.approvals = vec![Approval {
                rollout: rollout.id(),
                step: rollout.step,
                by: "ada".to_owned(),
            }];
        }
    }

    /// What the numbers that come in now say, by the world's own word.
    fn note(&mut self) {
        let world = &self.world;
        let Some(rollout) = &world.state.rollout else {
            return;
        };
        let watched = matches!(rollout.phase, Phase::Stepping(_) | Phase::Promoting { .. });
        let id = rollout.id();
        // A view that seems to be from later is none that anything is concluded from.
        let fresh = world.now.duration_since(world.seen.at).as_secs().abs() <= 60;
        let mine = format!("{id}/watch/");
        let mut samples = world.seen.samples.iter();
        let heard = samples.any(|sample| sample.key.starts_with(&mine));
        if !heard || !watched || !fresh {
            return;
        }
        // Numbers are taken by the world as it is now, but were put there by what it was before.
        for sample in &world.seen.samples {
            match &sample.reading.answer {
                Ok(numbers) if numbers.canary.is_nan() => self.missing = true,
                Ok(numbers) if numbers.canary > 0.01 => {
                    let late = world.now.duration_since(sample.at).as_secs() > SILENCE;
                    if !late {
                        self.tainted.push(id.clone());
                    }
                }
                Ok(_) => {
                    self.missing = false;
                    self.well = Some((id.clone(), sample.at.as_second()));
                }
                Err(_) => self.missing = true,
            }
        }
    }

    /// Good numbers that come in for the step's own analysis.
    fn note_gate(&mut self) {
        let Some(rollout) = &self.world.state.rollout else {
            return;
        };
        let scope = format!("{}/{}/", rollout.id(), rollout.step);
        if self.good.0 != scope {
            self.good = (scope.clone(), 0);
        }
        let mut samples = self.world.seen.samples.iter();
        let good = samples.any(|sample| {
            let answer = sample.reading.answer.as_ref();
            sample.key.starts_with(&scope) && answer.is_ok_and(|numbers| numbers.canary <= 0.01)
        });
        self.good.1 += u32::from(good);
    }

    /// The analysis of a step is passed by as many good numbers as it needs, however often somebody begins anew.
    fn counts_what_it_needs(&self, before: &World) -> Result<(), String> {
        let (Some(old), Some(new)) = (&before.state.rollout, &self.world.state.rollout) else {
            return Ok(());
        };
        let gate = matches!(old.strategy.steps.get(old.step), Some(Step::Analysis(_)));
        let on = old.id() == new.id() && new.step > old.step;
        match gate && on && !self.by_hand && self.good.1 < NEEDED {
            true => Err(format!("{} good numbers were enough", self.good.1)),
            false => Ok(()),
        }
    }

    /// Every rule.
    fn hold(&self, before: &World, effects: &Effects) -> Result<(), Broken> {
        // Dear to ask, and as true of every fourth look as of all.
        let thoroughly = self.history.len().is_multiple_of(4) || cfg!(debug_assertions);
        let dear = match thoroughly {
            true => [
                self.repeats(before, effects),
                self.restarts_behind(before, effects),
            ],
            false => [Ok(()), Ok(())],
        };
        let checks = [
            self.stands_still(before),
            self.carries(before, effects),
            self.keeps_stable(before, effects),
            self.has_one_canary(before, effects),
            self.passes_nothing_bad(before, effects),
            self.passes_nothing_missing(before),
            self.counts_what_it_needs(before),
            self.leaves_rejected_alone(before, effects),
            self.disturbs_in_its_step_only(before, effects),
            self.waits_for_hooks(before, effects),
        ];
        match checks.into_iter().chain(dear).find_map(Result::err) {
            Some(rule) => Err(self.broken(rule)),
            None => Ok(()),
        }
    }

    fn broken(&self, rule: impl Into<String>) -> Broken {
        Broken {
            rule: rule.into(),
            history: self.history.clone(),
        }
    }

    /// The same arguments give the same answer, and a second look at the same things changes nothing.
    fn repeats(&self, before: &World, effects: &Effects) -> Result<(), String> {
        let (state, again) = rollout::step(&before.state, &before.seen, before.now);
        if state != self.world.state || again != *effects {
            return Err("the same arguments gave two answers".to_owned());
        }
        let (still, later) = rollout::step(&state, &before.seen, before.now);
        match still == state && later.wish == effects.wish && later.records.is_empty() {
            true => Ok(()),
            false => Err(format!(
                "a second look changed something: {:?}",
                later.records
            )),
        }
    }

    /// No version gets more than its ready pods carry.
    fn carries(&self, before: &World, effects: &Effects) -> Result<(), String> {
        let Some(canary) = &effects.wish.canary else {
            return Ok(());
        };
        if before.seen.uncut.is_some() {
            // It is not carried out.
            return Ok(());
        }
        let workload = &before.seen.workloads[WEB];
        let known = before
            .state
            .rollout
            .as_ref()
            .map_or(0, |rollout| rollout.weight);
        if self.blind && canary.weight <= known {
            return Ok(());
        }
        let ready = workload.canary.as_ref().map_or(0, |pods| pods.ready);
        let need = self.need(before);
        match workload.router {
            Router::Route | Router::Selector if u32::from(canary.weight) * need > ready * 100 => {
                Err(format!("{} % for {ready} of {need} pods", canary.weight))
            }
            _ => Ok(()),
        }
    }

    /// Pods that everybody needs: what there were at the beginning, or more if more are wanted now.
    fn need(&self, before: &World) -> u32 {
        let rollout = self.world.state.rollout.as_ref();
        let began = rollout
            .and_then(|rollout| rollout.baseline.get(WEB))
            .copied();
        began
            .unwrap_or(PODS)
            .max(before.seen.workloads[WEB].stable.wanted)
    }

    /// Stable pods are never wished below what everybody needs, and everything but the canary stays at the good
    /// revision until all steps are passed.
    fn keeps_stable(&self, before: &World, effects: &Effects) -> Result<(), String> {
        let Some(canary) = &effects.wish.canary else {
            return Ok(());
        };
        let floor = canary.floors.get(WEB).copied().unwrap_or_default();
        if floor < self.need(before) {
            return Err(format!("the floor is {floor} of {}", self.need(before)));
        }
        let rollout = self.world.state.rollout.as_ref();
        let up = rollout.is_some_and(|rollout| {
            matches!(
                rollout.phase,
                Phase::Promoting { .. } | Phase::Returning { .. }
            )
        });
        match up || effects.wish.base == self.world.state.good {
            true => Ok(()),
            false => Err("the stable objects left the good revision".to_owned()),
        }
    }

    /// A canary begins when the one before is gone. Only the way back is too urgent for that: there it is replaced, and
    /// serves nobody until it has been.
    fn has_one_canary(&self, before: &World, effects: &Effects) -> Result<(), String> {
        let stands = before.seen.workloads[WEB].canary.as_ref();
        let stands = stands.and_then(|pods: &Pods| pods.settled.as_ref());
        let wished = effects
            .wish
            .canary
            .as_ref()
            .map(|canary| &canary.revision.digest);
        let rollout = self.world.state.rollout.as_ref();
        // In a namespace of its own it takes the place of what was kept there, and serves nobody until it has.
        let may = self.world.turns();
        let waits = rollout.is_some_and(|rollout| {
            let back = rollout.direction == rollout::state::Direction::Back;
            (back || may) && rollout.weight == 0
        });
        match (stands, wished) {
            (Some(one), Some(other)) if one != other && !waits => {
                Err(format!("a canary of {other} while that of {one} stands"))
            }
            _ => Ok(()),
        }
    }

    /// After a bad number nobody is added, and the revision does not become the good one.
    fn passes_nothing_bad(&self, before: &World, effects: &Effects) -> Result<(), String> {
        let Some(rollout) = &before.state.rollout else {
            return Ok(());
        };
        let id = rollout.id();
        if !self.tainted.contains(&id) {
            return Ok(());
        }
        let weight = wished(effects);
        let same = self
            .world
            .state
            .rollout
            .as_ref()
            .is_some_and(|now| now.id() == id);
        if same && weight > rollout.weight {
            return Err(format!(
                "{} % -> {weight} % after a bad number",
                rollout.weight
            ));
        }
        let baked = matches!(
            rollout.phase,
            Phase::Baking { .. } | Phase::Returning { .. }
        );
        let good = self.world.state.good.as_ref() == Some(&rollout.target);
        match good && before.state.good != self.world.state.good && !baked {
            true => Err("promoted after a bad number".to_owned()),
            false => Ok(()),
        }
    }

    /// No step is passed by itself while a number is missing, or when none ever came.
    fn passes_nothing_missing(&self, before: &World) -> Result<(), String> {
        let (Some(old), Some(new)) = (&before.state.rollout, &self.world.state.rollout) else {
            return Ok(());
        };
        let stepping = matches!(old.phase, Phase::Stepping(_));
        let up = matches!(new.phase, Phase::Promoting { .. });
        let on = stepping && old.id() == new.id() && (new.step > old.step || up);
        // Nobody is led there, so there are no numbers.
        let unused = self.world.turns() && old.weight == 0;
        if !on || unused || self.by_hand || old.strategy.analysis.is_none() {
            return Ok(());
        }
        let now = before.now.as_second();
        let well = self.well.as_ref();
        let fresh = well.is_some_and(|(id, at)| *id == old.id() && now - at <= SILENCE);
        match fresh && !self.missing {
            true => Ok(()),
            false => Err(format!(
                "step {} was passed without a number: {:?}, missing {}",
                old.step + 1,
                self.well,
                self.missing
            )),
        }
    }

    fn leaves_rejected_alone(&self, before: &World, effects: &Effects) -> Result<(), String> {
        let head = before.seen.head.as_ref().expect("git is there");
        let rejected = self.world.state.rejection(head).is_some();
        let started = before.state.rollout.is_none() && effects.wish.canary.is_some();
        match rejected && started {
            true => Err("a rejected revision began again by itself".to_owned()),
            false => Ok(()),
        }
    }

    /// Nothing is disturbed but in a chaos step, and those that it kills are chosen once.
    fn disturbs_in_its_step_only(&self, before: &World, effects: &Effects) -> Result<(), String> {
        if effects.wish.chaos.is_none() {
            return Ok(());
        }
        let at = |world: &World| {
            let rollout = world.state.rollout.clone()?;
            match rollout.phase.clone() {
                Phase::Stepping(stepping) => Some((rollout.id(), rollout.step, stepping, rollout)),
                _ => None,
            }
        };
        let Some((id, step, now, rollout)) = at(&self.world) else {
            return Err("something is disturbed outside of the steps".to_owned());
        };
        if !matches!(rollout.strategy.steps.get(step), Some(Step::Chaos(_))) {
            return Err(format!("something is disturbed at step {step}"));
        }
        match at(before) {
            Some((was, at, then, _)) if was == id && at == step && then.victims.is_some() => {
                match then.victims == now.victims {
                    true => Ok(()),
                    false => Err("others are killed than were chosen".to_owned()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Nobody is added, no step is passed and nothing is promoted before the hooks of the revision have ended well.
    fn waits_for_hooks(&self, before: &World, effects: &Effects) -> Result<(), String> {
        let (Some(old), Some(new)) = (&before.state.rollout, &self.world.state.rollout) else {
            return Ok(());
        };
        let forward = old.direction == rollout::state::Direction::Forward;
        let stepping = matches!(old.phase, Phase::Stepping(_));
        if before.seen.prepared == Prepared::Done || !forward || !stepping || old.id() != new.id() {
            return Ok(());
        }
        let weight = wished(effects);
        let on = new.step > old.step || matches!(new.phase, Phase::Promoting { .. });
        match weight > old.weight || on {
            true => Err(format!(
                "step {} at {weight} % before its hooks",
                new.step + 1
            )),
            false => Ok(()),
        }
    }

    /// A restart right here gives nobody more than going on would. It may hold where going on would give up:
    /// whoever takes the samples then is somebody new.
    fn restarts_behind(&self, before: &World, effects: &Effects) -> Result<(), String> {
        let stored = State::read(&before.state.write()).map_err(|error| error.to_string())?;
        let (state, after) = rollout::step(&stored, &before.seen, before.now);
        let step = |state: &State| state.rollout.as_ref().map_or(0, |rollout| rollout.step);
        let same = state.rollout.as_ref().map(rollout::state::Rollout::id)
            == self
                .world
                .state
                .rollout
                .as_ref()
                .map(rollout::state::Rollout::id);
        let known = before
            .state
            .rollout
            .as_ref()
            .map_or(0, |rollout| rollout.weight);
        let more = wished(&after) > wished(effects).max(known);
        match same && (more || step(&state) > step(&self.world.state)) {
            true => Err("a restart went further than no restart".to_owned()),
            false => Ok(()),
        }
    }

    /// With nothing new coming in it comes to rest, and not on two versions.
    fn comes_to_rest(mut self) -> Result<(), Broken> {
        (self.blind, self.looks) = (false, Looks::Again);
        self.world.routes = true;
        let mut last = self.world.state.clone();
        let mut calm = 0;
        for _ in 0..160 {
            self.live_quietly()?;
            calm = if self.world.state.differs(&last) {
                0
            } else {
                calm + 1
            };
            last = self.world.state.clone();
            // Longer than every deadline, patience and pause of the strategy.
            if calm > 25 {
                return self.rests();
            }
            self.world.pass(50);
        }
        Err(self.broken("it never came to rest"))
    }

    fn live_quietly(&mut self) -> Result<(), Broken> {
        let length = self.history.len();
        let lived = self.live(Nothing);
        self.history.truncate(length);
        lived
    }

    /// Resting on the way is for people to end, or for pods that do not come: then it says so.
    fn rests(&mut self) -> Result<(), Broken> {
        let effects = self.world.turn();
        match self.world.state.rollout.is_none() || !effects.waiting.is_empty() {
            true => Ok(()),
            false => Err(self.broken("it rests on the way and does not say why")),
        }
    }

    /// From here an abort leads everybody to the stable version.
    fn can_be_aborted(mut self) -> Result<(), Broken> {
        (self.blind, self.looks) = (false, Looks::Again);
        self.world.routes = true;
        let under_way = self.world.state.rollout.as_ref().is_some_and(|rollout| {
            !matches!(rollout.phase, Phase::Baking { .. } | Phase::Ending { .. })
        });
        if !under_way {
            return Ok(());
        }
        let good = self.world.state.good.clone();
        self.live(Abort)?;
        let rollout = self.world.state.rollout.as_ref();
        if rollout.is_some_and(|rollout| rollout.weight > 0) {
            return Err(self.broken("an abort left somebody on the new version"));
        }
        for _ in 0..5 {
            self.live_quietly()?;
        }
        let rejected = self.world.state.good == good;
        match rejected {
            true => Ok(()),
            false => Err(self.broken("an abort changed what is good")),
        }
    }
}

impl Trial {
    /// From here nothing of a rollout is left soon once its environment is taken away, whatever git says.
    fn can_be_taken_away(mut self) -> Result<(), Broken> {
        (self.blind, self.looks) = (false, Looks::Again);
        (self.world.routes, self.world.sticks) = (true, false);
        self.world.seen.leaving = true;
        let good = self.world.state.good.clone();
        for look in 0..8 {
            self.world.seen.at = self.world.now;
            let effects = self.world.turn();
            let weight = wished(&effects);
            if weight > 0 || effects.wish.chaos.is_some() {
                return Err(self.broken(format!("{weight} % is left at look {look}")));
            }
            self.world.pass(10);
        }
        let wish = self.world.turn().wish;
        let gone = self.world.state.rollout.is_none() && wish.canary.is_none();
        match gone && wish.other.is_none() && wish.base == good {
            true => Ok(()),
            false => Err(self.broken("something of a rollout is left behind")),
        }
    }
}

fn prepared(what: Happening) -> Prepared {
    match what {
        HookRuns => Prepared::Running("migrate is at work".to_owned()),
        HookFails => Prepared::Failed("migrate failed".to_owned()),
        _ => Prepared::Done,
    }
}

/// Where the short histories begin: at the beginning, and in the middle of each phase.
fn beginnings() -> Vec<Trial> {
    let mut all = Vec::new();
    for way in WAYS {
        let mut trial = Trial::new(way);
        let mut phase = String::new();
        for _ in 0..120 {
            let now = phase_of(&trial.world.state);
            if now != phase {
                phase = now;
                all.push(trial.clone());
            }
            trial
                .live(Nothing)
                .unwrap_or_else(|broken| panic!("{broken}"));
        }
        let mut ending = all[1].clone();
        ending
            .live(Abort)
            .unwrap_or_else(|broken| panic!("{broken}"));
        all.push(ending);
    }
    all
}

fn phase_of(state: &State) -> String {
    match &state.rollout {
        None => format!(
            "settled on {:?}",
            state.good.as_ref().map(|good| &good.digest)
        ),
        Some(rollout) => {
            let phase = serde_json::to_value(&rollout.phase).expect("writable");
            format!("{} {}", phase["is"], rollout.step)
        }
    }
}

/// Every history of `depth` happenings after `trial`; how many there were.
fn explore(trial: &Trial, depth: usize, every: usize, count: &mut usize) -> Result<(), Broken> {
    for what in ALL {
        let mut next = trial.clone();
        next.live(what)?;
        *count += 1;
        if (*count).is_multiple_of(every) {
            next.clone().comes_to_rest()?;
            next.clone().can_be_aborted()?;
            next.clone().can_be_taken_away()?;
        }
        if depth > 1 {
            explore(&next, depth - 1, every, count)?;
        }
    }
    Ok(())
}

fn explore_all(depth: usize, every: usize) -> usize {
    let mut count = 0;
    for trial in beginnings() {
        let began = trial.history.len();
        if let Err(broken) = explore(&trial, depth, every, &mut count) {
            panic!("{}", shrink(&trial, broken, began));
        }
    }
    count
}

/// Lives `history` after `trial`, to the end.
fn replay(trial: &Trial, history: &[Happening]) -> Result<(), Broken> {
    let mut trial = trial.clone();
    for what in history {
        trial.live(*what)?;
    }
    trial.clone().comes_to_rest()?;
    trial.clone().can_be_aborted()?;
    trial.can_be_taken_away()
}

/// The shortest history after the first `began` happenings that still breaks the same rule.
fn shrink(trial: &Trial, mut broken: Broken, began: usize) -> Broken {
    let mut history = broken.history.split_off(began);
    let mut at = 0;
    while at < history.len() {
        let mut shorter = history.clone();
        shorter.remove(at);
        match replay(trial, &shorter) {
            Err(other) if other.rule == broken.rule => history = shorter,
            _ => at += 1,
        }
    }
    broken.history.extend(history);
    broken
}

/// Random histories from the beginning; stops at the first that breaks a rule.
#[expect(
    clippy::print_stdout,
    reason = "a run that fails is repeated by its seed"
)]
fn wander(histories: u64, seed: u64) {
    println!("SEED={seed} HISTORIES={histories}");
    for number in 0..histories {
        let mut dice = Dice(seed.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        let start = Trial::new(WAYS[dice.below(WAYS.len())]);
        let mut trial = start.clone();
        let length = 1 + dice.below(40);
        let lived = (0..length).try_for_each(|_| trial.live(dice.happening()));
        let lived = lived.and_then(|()| match dice.below(8) {
            0 => trial.clone().comes_to_rest(),
            1 => trial.clone().can_be_aborted(),
            2 => trial.clone().can_be_taken_away(),
            _ => Ok(()),
        });
        if let Err(broken) = lived {
            panic!(
                "SEED={seed}, history {number}: {}",
                shrink(&start, broken, 0)
            );
        }
    }
}

/// A small generator; the tests want the same numbers for the same seed, everywhere and for ever.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("small");
        usize::try_from(self.next() % bound).expect("small")
    }

    /// Nothing half of the time, so that rollouts get somewhere.
    fn happening(&mut self) -> Happening {
        match self.below(2) {
            0 => Nothing,
            _ => ALL[self.below(ALL.len())],
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.rule)?;
        writeln!(f, "after:")?;
        for (at, what) in self.history.iter().enumerate() {
            writeln!(f, "  {at:>3}  {what:?}")?;
        }
        Ok(())
    }
}

/// The share of traffic asked for.
fn wished(effects: &Effects) -> u8 {
    effects.wish.canary.as_ref().map_or(0, |side| side.weight)
}

fn number(name: &str, default: u64) -> u64 {
    let text = env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn all_short_histories_keep_the_rules() {
    let count = explore_all(2, 23);
    assert!(count > 10_000, "{count}");
}

#[test]
fn random_histories_keep_the_rules() {
    wander(number("HISTORIES", 1_000), number("SEED", 20_261_121));
}

#[test]
#[ignore = "minutes; for a release build"]
#[expect(clippy::print_stdout, reason = "how far it went is what it is run for")]
fn all_longer_histories_keep_the_rules() {
    let depth = usize::try_from(number("DEPTH", 3)).expect("small");
    println!("{} histories", explore_all(depth, 11));
}

#[test]
#[ignore = "minutes; for a release build"]
fn a_million_random_histories_keep_the_rules() {
    wander(number("HISTORIES", 1_000_000), number("SEED", 20_261_121));
}
