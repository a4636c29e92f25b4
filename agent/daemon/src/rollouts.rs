//! What an actor remembers of its environment's rollouts. All of it can be lost but the state, which is in the status.

use std::{collections::BTreeMap, sync::Arc};

use api::{
    names,
    v1alpha1::{Environment, EnvironmentStatus, RolloutPhase, RolloutStatus},
};
use jiff::{SignedDuration, Timestamp};
use krm::ObjectId;
use rollout::{
    judge::Decision,
    machine::FRESH,
    observe::Workload,
    split::Object,
    state::{Revision, State, StateError},
    wish::{Record, Wish},
};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    asking::Asking,
    clock::{Clocks, Moment},
    measure::Measures,
    rendered::Rendering,
};

/// How many revisions' objects are kept: the good one, the one before it, the new one, and one that took its place.
const KEPT: usize = 4;

/// The objects of a revision. They are many, and nobody changes them.
pub(crate) type Objects = Arc<Vec<Object>>;

/// The rollouts of one environment.
pub(crate) struct Rollouts {
    pub(crate) state: State,
    pub(crate) asking: Asking,
    /// When something can change by time alone.
    pub(crate) wake: Option<Moment>,
    /// The clocks as they were at the last look.
    pub(crate) clocks: Clocks,
    /// Whether the last pass got as far as to look at it. If not, numbers that come in change nothing by themselves.
    pub(crate) looked: bool,
    /// When the first pass set out that did not get as far as that, nor did one after it.
    set_out: Option<Instant>,
    /// True if pods were ready of which those who route did not know yet.
    pub(crate) lags: bool,
    /// What is wrong with a strategy that nobody needs yet.
    pub(crate) unfit: Option<String>,
    /// The workloads of the rollout under way, and the strategy's name.
    pub(crate) chosen: Chosen,
    /// True until what the stored state wishes for was carried out once, so that it is known to stand.
    pub(crate) is_new: bool,
    /// Decisions that are written down with the state, and of which it is not certain that the Release tells.
    pub(crate) untold: Vec<Record>,
    /// What was read of its workloads, while that is as it was.
    pub(crate) view: Option<View>,
    /// Objects of revisions, by digest, newest last.
    objects: Vec<(String, Objects)>,
    /// The digest of what was last rendered, and from which commit and path.
    rendered: Option<(source::Revision, render::TreePath, String)>,
    /// What was last applied, all of it.
    pub(crate) stands: Stands,
    /// What was last wished for.
    pub(crate) wish: Wish,
    /// What people had said when it was last looked at.
    pub(crate) said: Said,
    /// The last numbers of each metric.
    pub(crate) recent: BTreeMap<String, (Vec<f64>, Decision)>,
    /// A release of which a hook cannot be run, and why.
    pub(crate) unprepared: Option<(String, String)>,
}

/// The digests of the revisions that stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stands {
    pub(crate) base: Option<String>,
    pub(crate) canary: Option<String>,
    /// The disturbance that stands, by its id.
    pub(crate) chaos: Option<String>,
}

impl Stands {
    /// What stands once `wish` is carried out.
    pub(crate) fn of(wish: &Wish) -> Self {
        let digest = |revision: &Revision| revision.digest.clone();
        let canary = wish.canary.as_ref().map(|canary| &canary.revision);
        let other = wish.other.as_ref().map(|other| &other.revision);
        Self {
            base: wish.base.as_ref().map(digest),
            canary: canary.or(other).map(digest),
            chaos: wish.chaos.as_ref().map(|chaos| chaos.id.clone()),
        }
    }
}

/// The workloads of a rollout as they were read.
#[derive(Clone)]
pub(crate) struct View {
    /// When they were like this.
    pub(crate) at: Timestamp,
    /// The same by the clock that nobody sets.
    pub(crate) since: Instant,
    pub(crate) workloads: BTreeMap<String, Workload>,
}

/// The newest command and the approvals on an Environment, as written.
pub(crate) type Said = [Option<String>; 2];

/// What people say of rollouts on `environment`.
pub(crate) fn said(environment: &Environment) -> Said {
    let annotations = environment.metadata.annotations.as_ref();
    [names::ROLLOUT_COMMAND, names::ROLLOUT_APPROVALS]
        .map(|name| annotations.and_then(|all| all.get(name).cloned()))
}

/// Which workloads go which way.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Chosen {
    pub(crate) workloads: Vec<ObjectId>,
    pub(crate) name: String,
}

impl Rollouts {
    /// What the status remembers.
    pub(crate) fn read(status: &EnvironmentStatus, measures: Measures) -> Result<Self, StateError> {
        let stored = status.rollout.as_ref().map(|rollout| &rollout.state);
        let state = match stored.filter(|state| !state.is_null()) {
            Some(state) => State::read(state)?,
            None => State::default(),
        };
        Ok(Self {
            state,
            asking: Asking::new(measures),
            wake: None,
            clocks: Clocks::now(),
            looked: false,
            set_out: None,
            lags: false,
            unfit: status.rollout.as_ref().and_then(unfit),
            chosen: Chosen::default(),
            is_new: true,
            untold: untold(stored),
            view: None,
            objects: Vec::new(),
            rendered: None,
            stands: Stands::default(),
            wish: Wish::default(),
            said: Said::default(),
            recent: BTreeMap::new(),
            unprepared: None,
        })
    }

    /// A pass begins.
    pub(crate) fn sets_out(&mut self) {
        // A time that has come is dealt with now, or by the next try.
        (self.wake, self.looked) = (None, false);
        self.set_out.get_or_insert_with(Instant::now);
    }

    /// A pass has got as far as to look.
    pub(crate) fn has_looked(&mut self) {
        (self.looked, self.set_out) = (true, None);
    }

    /// True if nobody could look for too long, while there may have been numbers that nobody took. They begin anew then.
    pub(crate) fn comes_back(&mut self) -> bool {
        let since = self.set_out.map(|since| since.elapsed());
        let fresh = FRESH.unsigned_abs();
        let is_back = since.is_some_and(|since| since > fresh) && self.state.rollout.is_some();
        if is_back {
            self.state = self.state.resumed();
        }
        is_back
    }

    /// Keeps all times as far away as they were if the clock was set since the last look. Says by how much it was.
    pub(crate) fn heed_clock(&mut self) -> SignedDuration {
        let now = Clocks::now();
        let by = std::mem::replace(&mut self.clocks, now).set_until(now);
        if !by.is_zero() {
            self.state = self.state.clock_set(by);
        }
        by
    }

    /// The time, as everything of one look is held against it: by a clock that was not set since the look began.
    pub(crate) fn now(&self) -> Timestamp {
        self.clocks.reads()
    }

    /// Sees to another look at a time, even if nothing happens, or to none.
    pub(crate) fn wake_at(&mut self, at: Option<Timestamp>) {
        self.wake = at.map(|at| self.clocks.moment(at));
    }

    /// The objects of `revision`, if they are known.
    pub(crate) fn objects(&self, revision: &Revision) -> Option<Objects> {
        let mut known = self.objects.iter();
        known
            .find(|(digest, _)| *digest == revision.digest)
            .map(|(_, objects)| objects.clone())
    }

    /// Keeps the objects of a revision for a while.
    pub(crate) fn keep(&mut self, digest: &str, objects: Objects) {
        self.objects.retain(|(known, _)| known != digest);
        self.objects.push((digest.to_owned(), objects));
        let surplus = self.objects.len().saturating_sub(KEPT);
        self.objects.drain(..surplus);
    }

    /// The digest of what was rendered, computed once for each commit and path.
    pub(crate) fn digest_of(&mut self, rendering: &Rendering) -> String {
        if let Some((commit, from, digest)) = &self.rendered
            && *commit == rendering.revision
            && *from == rendering.path
        {
            return digest.clone();
        }
        let digest = digest(&rendering.objects);
        self.rendered = Some((rendering.revision, rendering.path.clone(), digest.clone()));
        digest
    }

    /// Keeps what was rendered, unless it is known.
    pub(crate) fn keep_rendered(&mut self, digest: &str, rendering: &Rendering) {
        if !self.objects.iter().any(|(known, _)| known == digest) {
            self.keep(digest, Arc::new(rendering.objects.clone()));
        }
    }

    /// True if nothing is under way, of the last one nothing is left, and the next one waits for nothing but a commit.
    pub(crate) fn rests(&self) -> bool {
        let Wish {
            base: Some(_),
            canary: None,
            namespaces: None,
            side: None,
            other: None,
            flags: _,
            flags_in_git: _,
            checks,
            chaos: None,
        } = &self.wish
        else {
            return false;
        };
        let idle = checks.is_empty() && self.unfit.is_none() && self.untold.is_empty();
        idle && self.state.rollout.is_none() && !self.lags && !self.is_new
    }

    /// Nothing is under way, so that only the newest objects matter.
    pub(crate) fn rest(&mut self) {
        self.objects.clear();
        self.recent.clear();
    }
}

/// What was told at rest of a strategy that cannot be used, so that it is looked at again.
fn unfit(told: &RolloutStatus) -> Option<String> {
    let rests = told.phase == RolloutPhase::Settled && !told.message.is_empty();
    rests.then(|| told.message.clone())
}

/// The digest of a revision: of its objects, whatever the commit.
pub(crate) fn digest(objects: &[Object]) -> String {
    let bodies: Vec<&Value> = objects.iter().map(|(body, _)| body).collect();
    let text = serde_json::to_vec(&bodies).unwrap_or_default();
    krm::json::sha256_hex(&text)
}

/// Under which name decisions are kept beside the stored state.
const UNTOLD: &str = "untold";

/// The decisions that were written down with `state`, ahead of the Release.
fn untold(state: Option<&Value>) -> Vec<Record> {
    let records = state.and_then(|state| state.get(UNTOLD)).cloned();
    let records = records.map(serde_json::from_value);
    records.and_then(Result::ok).unwrap_or_default()
}

/// `state` with decisions beside it, so that a Release that was not written any more is made up for.
pub(crate) fn with_untold(mut state: Value, records: &[Record]) -> Value {
    if let (Value::Object(fields), false) = (&mut state, records.is_empty()) {
        let records = serde_json::to_value(records).unwrap_or_default();
        fields.insert(UNTOLD.to_owned(), records);
    }
    state
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn under_way() -> Rollouts {
        let state = json!({
            "format": 1,
            "rollout": {
                "target": { "commit": "b", "digest": "b", "release": "production-b" },
                "number": 1,
                "direction": "forward",
                "strategy": { "steps": [{ "weight": 50 }] },
                "began": "2026-01-01T00:00:00Z",
                "baseline": {},
                "step": 0,
                "weight": 50,
                "phase": { "is": "stepping", "entered": "2026-01-01T00:00:00Z" }
            }
        });
        let status = EnvironmentStatus::default();
        let mut rollouts = Rollouts::read(&status, Measures::new(None, true)).expect("readable");
        rollouts.state = State::read(&state).expect("readable");
        rollouts
    }

    #[tokio::test]
    async fn only_who_could_not_look_for_too_long_comes_back() {
        let long_ago = || Instant::now().checked_sub(Duration::from_mins(10));
        let mut rollouts = under_way();
        rollouts.sets_out();
        assert!(!rollouts.comes_back(), "the first pass looks at once");
        rollouts.set_out = long_ago();
        rollouts.sets_out();
        assert!(rollouts.comes_back(), "no pass has looked since");
        rollouts.has_looked();
        rollouts.sets_out();
        assert!(!rollouts.comes_back(), "the one before has looked");
        (rollouts.set_out, rollouts.state.rollout) = (long_ago(), None);
        assert!(!rollouts.comes_back(), "nothing is under way");
    }
}
