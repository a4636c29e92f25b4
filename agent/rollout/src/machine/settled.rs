//! Nothing under way: is there something new, and may it begin?

use super::{Run, short};
use crate::{
    observe::Router,
    state::{Direction, Phase, Rejection, Revision, Rollout, Stepping},
    strategy::{Namespaces, Strategy},
    wish::Event,
};

impl Run<'_> {
    pub(super) fn settled(&mut self) {
        let Some(head) = self.seen.head.as_ref().filter(|_| !self.seen.leaving) else {
            return;
        };
        let Some(good) = &self.state.good else {
            // Nobody is served yet whom a bad revision could hurt.
            self.state.namespaces = self.namespaces_asked();
            let first = self.state.namespaces.as_ref();
            self.state.side = first.map(|namespaces| namespaces.blue.clone());
            self.state.good = Some(head.clone());
            return;
        };
        if good == head {
            self.state.good = Some(head.clone());
            self.heed_flags();
            return;
        }
        if let Some(rejection) = self.state.rejection(head) {
            self.waiting = format!(
                "{} was rejected: {}; a newer commit or `driftless rollout retry` goes on",
                short(&head.commit),
                rejection.cause.sentence()
            );
            return;
        }
        // Just after a rollout, what was seen is still of that one.
        if self.seen.toward.as_ref() != Some(head) {
            self.looks_again = true;
            return;
        }
        match &self.seen.strategy {
            None => self.at_once(head.clone()),
            Some(strategy) => self.begin(head.clone(), strategy.clone()),
        }
    }

    fn namespaces_asked(&self) -> Option<crate::strategy::Namespaces> {
        let strategy = self.seen.strategy.as_ref()?;
        strategy.namespaces.clone()
    }

    fn at_once(&mut self, head: Revision) {
        self.state.former = self.state.good.replace(head);
        self.heed_flags();
    }

    fn begin(&mut self, head: Revision, strategy: Strategy) {
        if let Some(fault) = strategy.faults().first() {
            self.waiting = format!("the strategy cannot be used: {fault}");
            return;
        }
        if self.seen.workloads.is_empty() {
            "the workloads have not been seen".clone_into(&mut self.waiting);
            return;
        }
        if strategy.namespaces.is_none() {
            if self.place() != self.seen.home {
                "the environment is in two namespaces that take turns, and its strategy names none"
                    .clone_into(&mut self.waiting);
                return;
            }
            self.state.side = None;
        }
        if strategy.namespaces.is_none() && self.leftovers() {
            "the canary of the revision before is not gone yet".clone_into(&mut self.waiting);
            return;
        }
        let message = format!("{} begins", short(&head.commit));
        self.start(head, strategy, Direction::Forward);
        self.record(Event::Started, message);
        self.enter(0);
    }

    /// True while something of another rollout is there: two canaries never stand side by side.
    fn leftovers(&self) -> bool {
        let mut workloads = self.seen.workloads.values();
        let left = workloads.any(|one| match one.router {
            Router::InPlace => one.canary.as_ref().is_some_and(|pods| pods.wanted > 0),
            Router::Route | Router::Selector | Router::Replicas => one.canary.is_some(),
        });
        left || self.seen.chaos.left
    }

    pub(super) fn start(&mut self, target: Revision, strategy: Strategy, direction: Direction) {
        self.state.rollouts += 1;
        let namespaces = strategy.namespaces.as_ref();
        let side = namespaces.map(|namespaces| self.side_for(&target, namespaces));
        let seen = self.seen.workloads.iter();
        let watched = self.seen.watched_toward(&target);
        self.state.rollout = Some(Rollout {
            target,
            number: self.state.rollouts,
            direction,
            strategy,
            side,
            began: self.now,
            baseline: seen
                .map(|(key, one)| (key.clone(), one.stable.wanted))
                .collect(),
            watched,
            halted: None,
            paused: None,
            ailing: self.seen.alarms.keys().cloned().collect(),
            flags_before: self.state.flags.clone(),
            flags_in_git_before: self.state.flags_in_git.clone(),
            step: 0,
            weight: 0,
            phase: Phase::Stepping(Stepping::new(self.now)),
        });
    }

    /// The namespace that the good revision is in.
    pub(super) fn place(&self) -> &str {
        self.state.side.as_deref().unwrap_or(&self.seen.home)
    }

    /// Where `target` goes: to where it still stands, else to the side that does not serve.
    fn side_for(&self, target: &Revision, namespaces: &Namespaces) -> String {
        let standby = self.state.standby.as_ref();
        let kept = standby
            .filter(|kept| self.now < kept.until && self.state.former.as_ref() == Some(target));
        match kept {
            Some(kept) => kept.namespace.clone(),
            None if self.place() == namespaces.blue => namespaces.green.clone(),
            None => namespaces.blue.clone(),
        }
    }

    pub(super) fn rejected_head(&self) -> Option<&Rejection> {
        self.state.rejection(self.seen.head.as_ref()?)
    }
}

impl Rejection {
    /// The rollout that was rejected: what a retry is bound to.
    pub fn id(&self) -> String {
        format!("{}#{}", self.revision.release, self.number)
    }
}

impl Stepping {
    /// It is no longer as it was reached: good numbers from before prove nothing any more.
    ///
    /// Until it is reached again nobody asks for the step's own ones, so that none of them is missing meanwhile.
    pub(super) fn lose(&mut self) {
        self.reached = None;
        for tally in self.watch.values_mut() {
            tally.good = 0;
        }
        for tally in self.gate.values_mut() {
            (tally.good, tally.expected) = (0, None);
            tally.clear();
        }
    }
}
