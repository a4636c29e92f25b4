//! What comes next: one function over values.
//!
//! ```text
//!            head ≠ good, strategy            steps passed              all of it is new          nobody on the canary
//!  settled ────────────────────────► Stepping ────────────► Promoting ────────────────► Returning ───────────────────► Baking ─► settled
//!     ▲                                 │                       │                           │                             │
//!     │        nobody on the canary     ▼   bad, missing, crashing, alarm, abort,           │                             ▼ alarm
//!     └────────────────────────────── Ending ◄── revert, newer commit ◄─────────────────────┘        Stepping back to the former release
//! ```
//! The rules that hold whatever happens: a version never gets a larger share than its ready pods can carry; the
//! stable workloads keep the pods for everybody until somebody else has proven to; a number that is bad, missing or
//! late never lets anything pass; going back takes one write.

use jiff::Timestamp;

use crate::{
    observe::Observation,
    state::{Phase, State},
    strategy::Step,
    wish::{Effects, Event, Record},
};

mod apart;
mod back;
mod capacity;
mod clock;
mod disturbing;
mod flags;
mod hooking;
mod people;
mod picture;
mod samples;
mod settled;
mod stepping;
mod up;

pub(crate) use samples::GATE;

/// The oldest view of the cluster upon which anything moves.
pub const FRESH: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);
/// More transitions than one look can cause: each step at most once, and a few around them.
const ROUNDS: usize = 160;

/// Looks once: what the state becomes, and what is to stand then.
///
/// The same arguments give the same answer. Looking again at the same things changes nothing.
pub fn step(state: &State, seen: &Observation, now: Timestamp) -> (State, Effects) {
    let mut run = Run {
        state: state.clone(),
        seen,
        now,
        records: Vec::new(),
        waiting: String::new(),
        looks_again: false,
    };
    run.catch_up();
    run.look_again();
    if !seen.leaving {
        run.heed();
    }
    if now.duration_since(seen.at).abs() <= FRESH {
        run.recover();
        run.leave();
        run.go();
    } else {
        run.waiting = format!("the cluster was last seen at {}", seen.at);
    }
    let (wish, wake) = picture::picture(&run.state, seen, now);
    let effects = Effects {
        wish,
        records: run.records,
        wake: if run.looks_again { Some(now) } else { wake },
        waiting: run.waiting,
    };
    (run.state, effects)
}

/// What `state` wishes for without a look at anything new, as after a restart.
pub fn resume(state: &State, seen: &Observation, now: Timestamp) -> Effects {
    let (wish, wake) = picture::picture(state, seen, now);
    Effects {
        wish,
        records: Vec::new(),
        wake,
        waiting: String::new(),
    }
}

/// One look.
struct Run<'a> {
    state: State,
    seen: &'a Observation,
    now: Timestamp,
    records: Vec<Record>,
    waiting: String,
    /// True if what was seen is of another revision than the one that is next.
    looks_again: bool,
}

impl Run<'_> {
    /// Until nothing more follows.
    fn go(&mut self) {
        for _ in 0..ROUNDS {
            let before = self.state.clone();
            self.waiting.clear();
            self.advance();
            if self.state == before {
                return;
            }
        }
    }

    fn advance(&mut self) {
        if let Some(why) = &self.seen.uncut {
            return self.stand_still(why);
        }
        let phase = self.state.rollout.as_ref().map(|rollout| &rollout.phase);
        match phase {
            None => self.settled(),
            Some(Phase::Stepping(_)) => self.stepping(),
            Some(Phase::Promoting { .. }) => self.promoting(),
            Some(Phase::Returning { .. }) => self.returning(),
            Some(Phase::Baking { .. }) => self.baking(),
            Some(Phase::Ending { .. }) => self.ending(),
        }
    }

    fn record(&mut self, event: Event, message: impl Into<String>) {
        self.records.push(Record {
            at: self.now,
            event,
            message: message.into(),
            by: None,
            decision: None,
        });
    }

    fn record_by(&mut self, event: Event, message: impl Into<String>, by: &str) {
        self.record(event, message);
        if let Some(record) = self.records.last_mut() {
            record.by = Some(by.to_owned());
        }
    }
}

/// How long after `since` it is; nothing if the clock went back.
fn elapsed(since: Timestamp, now: Timestamp) -> std::time::Duration {
    now.duration_since(since).try_into().unwrap_or_default()
}

/// `after` later than `since`.
fn later(since: Timestamp, after: std::time::Duration) -> Timestamp {
    since.checked_add(after).unwrap_or(Timestamp::MAX)
}

/// Short for people: `4f2c1d0`.
fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

/// The step `at`, if there is one.
fn step_at(steps: &[Step], at: usize) -> Option<&Step> {
    steps.get(at)
}
