//! What one replica does next, so that no two ever work on the same Environment, and one always does in the end.
//!
//! The rule: a replica begins to work on an Environment only if its own published view gives it the Environment, and a
//! list of all Leases that was asked for after publishing shows nobody alive who claims it. Of two that want the same,
//! one published later, and its list shows the other. A replica that has to give something up puts it down first, says
//! so by publishing, and what takes longer it names as kept. Whoever was silent for too long begins anew, with nothing.
//!
//! A state machine without clock, network or tasks: told what happened, it says what to do.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    notice::{Keeps, Notice, View, owner},
    roster::Roster,
};

/// How long work that ends slowly delays what is told to the others. Longer than an apply usually takes.
const PATIENCE: Duration = Duration::from_millis(300);

/// What one replica knows and holds.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    me: String,
    /// The other replicas.
    pub(crate) roster: Roster,
    /// What the others can read of us; none if that is not sure.
    said: Option<Notice>,
    /// True if a list came since then.
    confirmed: bool,
    stage: Stage,
    /// All Environments there are.
    wanted: BTreeSet<String>,
    /// Those of them that are ours by `view`.
    mine: BTreeSet<String>,
    held: BTreeMap<String, Hold>,
    view: View,
    roster_was: Vec<(String, u64, bool)>,
    stale: bool,
    /// Until when ends are waited for before something is published.
    patience: Option<Instant>,
}

/// How far its taking part has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The first list of Leases is not complete.
    Arriving,
    Present,
    /// It finishes what it has begun.
    Leaving,
    /// It left before it had said anything.
    Gone,
}

/// How an Environment is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Working,
    /// Told to stop, and it can still write.
    Stopping,
    /// Told to stop, and it can no longer write.
    Fenced,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Tell these to stop.
    Stop(Vec<String>),
    /// Write this into our Lease.
    Publish(Notice),
    /// List all Leases.
    Confirm,
    /// Begin to work on these.
    Start(Vec<String>),
    /// Delete our Lease; nothing comes after that.
    Leave,
    /// Nothing before this moment, unless something happens.
    Wait(Option<Instant>),
}

impl Seat {
    /// A replica that has just begun.
    pub(crate) fn new(me: String) -> Self {
        Self {
            me,
            roster: Roster::default(),
            said: None,
            confirmed: false,
            stage: Stage::Arriving,
            wanted: BTreeSet::new(),
            mine: BTreeSet::new(),
            held: BTreeMap::new(),
            view: View::new(),
            roster_was: Vec::new(),
            stale: true,
            patience: None,
        }
    }

    /// What to do next. What it says is taken to be done or under way.
    pub(crate) fn next(&mut self, now: Instant) -> Step {
        match self.stage {
            Stage::Arriving => return Step::Wait(None),
            Stage::Gone => return Step::Leave,
            Stage::Present | Stage::Leaving => {}
        }
        self.look(now);
        if let Some(step) = self.stop(now).or_else(|| self.publish(now)) {
            return step;
        }
        if self.stage == Stage::Leaving {
            return match self.held.is_empty() {
                true => Step::Leave,
                false => Step::Wait(None),
            };
        }
        if !self.confirmed {
            return Step::Confirm;
        }
        if std::mem::take(&mut self.stale) {
            let new = self.gains(now);
            if !new.is_empty() {
                return Step::Start(new);
            }
        }
        Step::Wait(self.roster.next_death(now))
    }

    /// There is such an Environment.
    pub(crate) fn wants(&mut self, key: &str) {
        if self.wanted.insert(key.to_owned()) {
            if owner(&self.view, key) == Some(&self.me) {
                self.mine.insert(key.to_owned());
            }
            self.stale = true;
        }
    }

    /// The Environment is another one now. True if whoever works on it has to be stopped.
    pub(crate) fn replaced(&mut self, key: &str) -> bool {
        let working = self.held.get_mut(key);
        let working = working.filter(|hold| **hold == Hold::Working);
        working.map(|hold| *hold = Hold::Stopping).is_some()
    }

    /// There is no such Environment any more.
    pub(crate) fn forgets(&mut self, key: &str) {
        self.stale |= self.wanted.remove(key);
        self.mine.remove(key);
    }

    /// A watch of the Leases begins, or begins anew.
    pub(crate) fn restarted(&mut self) {
        self.roster.restarted();
        // What it shows may be older than what is known.
        self.confirmed = false;
    }

    /// The first list of Leases, or a later one that a watch began with, is complete.
    pub(crate) fn synced(&mut self) {
        self.roster.synced();
        if self.stage == Stage::Arriving {
            self.stage = Stage::Present;
        }
        self.confirmed = false;
    }

    /// Nobody works on `key` here any more.
    pub(crate) fn stopped(&mut self, key: &str) {
        self.held.remove(key);
        self.stale = true;
    }

    /// Our Lease says `notice`.
    pub(crate) fn published(&mut self, notice: Notice, now: Instant) {
        let same = |said: &Notice| said.view == notice.view && said.leaving == notice.leaving;
        self.confirmed &= self.said.as_ref().is_some_and(same);
        self.patience = (!notice.keeps.is_empty()).then(|| now + PATIENCE);
        self.said = Some(notice);
        self.stale = true;
    }

    /// Nobody knows what our Lease says.
    pub(crate) fn unpublished(&mut self) {
        self.said = None;
        self.confirmed = false;
    }

    /// The list that was asked for has come, and the roster has taken it in.
    pub(crate) fn confirmed(&mut self) {
        self.confirmed = true;
        self.stale = true;
    }

    /// Our Lease has run out: others may work on what was ours. Returns what has to be stopped; it can no longer write.
    pub(crate) fn lapsed(&mut self) -> Vec<String> {
        self.unpublished();
        let working = self.held.iter().filter(|(_, hold)| **hold == Hold::Working);
        let working = working.map(|(key, _)| key.clone()).collect();
        self.held.values_mut().for_each(|hold| *hold = Hold::Fenced);
        self.stale = true;
        working
    }

    /// From now on everything is given up.
    pub(crate) fn leave(&mut self) {
        self.stage = match self.stage {
            Stage::Arriving | Stage::Gone => Stage::Gone,
            Stage::Present | Stage::Leaving => Stage::Leaving,
        };
        self.stale = true;
    }

    /// How many replicas share the work, as far as is known here.
    pub(crate) fn replicas(&self) -> usize {
        self.view.len()
    }

    /// What dead replicas have left behind, as far as clearing up falls to us: name, UID and version.
    pub(crate) fn remains(&self, now: Instant) -> Vec<super::roster::Sighting> {
        let remains = self.roster.remains(now).into_iter();
        let ours = remains.filter(|seen| owner(&self.view, &seen.name) == Some(&self.me));
        ours.cloned().collect()
    }

    /// What we say now, if the others know it.
    pub(crate) fn said(&self) -> Option<&Notice> {
        self.said.as_ref()
    }

    /// Takes in who is there at this moment.
    fn look(&mut self, now: Instant) {
        self.roster.forget(now);
        let roster = self.roster.state(now);
        if roster != self.roster_was {
            self.roster_was = roster;
            self.stale = true;
        }
        let mut view = View::new();
        if self.stage != Stage::Leaving {
            view = self.roster.view(now);
            view.insert(self.me.clone());
        }
        if view != self.view {
            self.view = view;
            let ours = |key: &&String| owner(&self.view, key) == Some(&self.me);
            self.mine = self.wanted.iter().filter(ours).cloned().collect();
            self.stale = true;
        }
    }

    fn stop(&mut self, now: Instant) -> Option<Step> {
        if !self.stale {
            return None;
        }
        let mut lost = Vec::new();
        for (key, hold) in &mut self.held {
            if *hold == Hold::Working && !self.mine.contains(key) {
                *hold = Hold::Stopping;
                lost.push(key.clone());
            }
        }
        if lost.is_empty() {
            return None;
        }
        self.patience = Some(self.patience.unwrap_or(now + PATIENCE));
        Some(Step::Stop(lost))
    }

    fn publish(&mut self, now: Instant) -> Option<Step> {
        let keeps = self.held.iter().filter(|(key, hold)| {
            **hold == Hold::Stopping && owner(&self.view, key) != Some(&self.me)
        });
        let keeps: BTreeSet<String> = keeps.map(|(key, _)| key.clone()).collect();
        let notice = Notice {
            view: self.view.clone(),
            leaving: self.stage == Stage::Leaving,
            keeps: Keeps::of(keeps),
        };
        if self.said.as_ref() == Some(&notice) {
            return None;
        }
        let soon = self.patience.filter(|until| now < *until);
        match soon.filter(|_| self.said.is_some() && !notice.keeps.is_empty()) {
            Some(until) => Some(Step::Wait(Some(until))),
            None => Some(Step::Publish(notice)),
        }
    }

    fn gains(&mut self, now: Instant) -> Vec<String> {
        let free = |key: &&String| {
            !self.held.contains_key(*key) && self.roster.claimant(key, now).is_none()
        };
        let new: Vec<String> = self.mine.iter().filter(free).cloned().collect();
        for key in &new {
            self.held.insert(key.clone(), Hold::Working);
        }
        new
    }
}
