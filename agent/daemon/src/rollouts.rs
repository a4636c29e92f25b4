//! What an actor remembers of its environment's rollouts. All of it can be lost but the state, which is in the status.

use std::collections::BTreeMap;

use api::{
    names,
    v1alpha1::{Environment, EnvironmentStatus},
};
use jiff::Timestamp;
use krm::ObjectId;
use rollout::{
    judge::Decision,
    split::Object,
    state::{Revision, State, StateError},
    wish::Wish,
};
use serde_json::Value;

use crate::{asking::Asking, measure::Measures};

/// How many revisions' objects are kept: the good one, the one before it, the new one, and one that took its place.
const KEPT: usize = 4;

/// The rollouts of one environment.
pub(crate) struct Rollouts {
    pub(crate) state: State,
    pub(crate) asking: Asking,
    /// When something can change by time alone.
    pub(crate) wake: Option<Timestamp>,
    /// Whether the last pass got as far as to look at it. If not, numbers that come in change nothing by themselves.
    pub(crate) looked: bool,
    /// True if pods were ready of which those who route did not know yet.
    pub(crate) lags: bool,
    /// The workloads of the rollout under way, and the strategy's name.
    pub(crate) chosen: Chosen,
    /// Objects of revisions, by digest, newest last.
    objects: Vec<(String, Vec<Object>)>,
    /// What was last applied, all of it.
    pub(crate) stands: Stands,
    /// What was last wished for.
    pub(crate) wish: Wish,
    /// What people had said when it was last looked at.
    pub(crate) said: Said,
    /// The last numbers of each metric.
    pub(crate) recent: BTreeMap<String, (Vec<f64>, Decision)>,
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
            looked: false,
            lags: false,
            chosen: Chosen::default(),
            objects: Vec::new(),
            stands: Stands::default(),
            wish: Wish::default(),
            said: Said::default(),
            recent: BTreeMap::new(),
        })
    }

    /// The objects of `revision`, if they are known.
    pub(crate) fn objects(&self, revision: &Revision) -> Option<&Vec<Object>> {
        let mut known = self.objects.iter();
        known
            .find(|(digest, _)| *digest == revision.digest)
            .map(|(_, objects)| objects)
    }

    /// Keeps the objects of a revision for a while.
    pub(crate) fn keep(&mut self, digest: &str, objects: Vec<Object>) {
        self.objects.retain(|(known, _)| known != digest);
        self.objects.push((digest.to_owned(), objects));
        let surplus = self.objects.len().saturating_sub(KEPT);
        self.objects.drain(..surplus);
    }

    /// True if nothing is under way, so that only the newest objects matter.
    pub(crate) fn rest(&mut self) {
        self.objects.clear();
        self.recent.clear();
    }
}

/// The digest of a revision: of its objects, whatever the commit.
pub(crate) fn digest(objects: &[Object]) -> String {
    let bodies: Vec<&Value> = objects.iter().map(|(body, _)| body).collect();
    let text = serde_json::to_vec(&bodies).unwrap_or_default();
    krm::json::sha256_hex(&text)
}
