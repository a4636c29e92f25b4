//! What somebody has seen: the cluster, the numbers, the people, git. Values only.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    judge::Reading,
    state::{Revision, State},
    strategy::Strategy,
    victim::Victim,
    watched::Watched,
};

pub mod endpoints;
pub mod in_place;
pub mod pods;

/// Everything that is known now.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// When the cluster was last seen. Nothing goes on upon an old view.
    pub at: Timestamp,
    /// The environment's own namespace.
    pub home: String,
    /// The newest verified revision; `None` while git cannot be asked.
    pub head: Option<Revision>,
    /// The revision that `strategy` and `workloads` are about: the one on its way, or else the newest.
    pub toward: Option<Revision>,
    /// How the change from the last good revision to that one is to be brought out. `None`: at once.
    pub strategy: Option<Strategy>,
    /// The workloads that change on the way to it, by `Deployment/shop/web`.
    pub workloads: BTreeMap<String, Workload>,
    /// Whom the numbers of the rollout under way are about; empty while there is none, or nobody can tell.
    pub watched: Vec<Watched>,
    /// What metrics said since the last look. Seeing one twice does no harm.
    pub samples: Vec<Sample>,
    /// Approvals that stand.
    pub approvals: Vec<Approval>,
    /// The newest command.
    pub command: Option<Command>,
    /// Synthetic checks that fail, and what they saw, by name.
    pub alarms: BTreeMap<String, String>,
    /// What is seen of chaos steps.
    pub chaos: Disturbed,
    /// What is seen of the hooks that come before the revision on its way, or that would be next.
    pub prepared: Prepared,
    /// What git says of the flags that steps set.
    pub flags: Flags,
    /// True once the environment is being taken away, so that nothing of a rollout may stay.
    pub leaving: bool,
    /// Why the way of the rollout under way cannot be taken apart any more, so that `workloads` says nothing.
    pub uncut: Option<String>,
}

/// How far the hooks are that come before a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Prepared {
    /// There are none, or all have ended well.
    #[default]
    Done,
    /// One has not begun. What it waits for is waited for as long as for pods.
    Coming(String),
    /// One is at work, for as long as it may; there are no pods to wait for meanwhile.
    Running(String),
    /// One has failed, or cannot be run.
    Failed(String),
}

/// What git says of flags, as digests by [`crate::strategy::Flag::id`]; nothing of those it does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// In the good revision.
    pub good: BTreeMap<String, String>,
    /// In the revision that the observation is about.
    pub new: BTreeMap<String, String>,
}

impl Flags {
    /// What both revisions say of one flag.
    pub(crate) fn of_both(&self, id: &str) -> BTreeSet<String> {
        let both = [self.good.get(id), self.new.get(id)];
        both.into_iter().flatten().cloned().collect()
    }
}

/// What is seen of disturbances on purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disturbed {
    /// True while anything that a chaos step made is still there.
    pub left: bool,
    /// The disturbance that is all there, by [`crate::wish::Disturbance::id`].
    pub stands: Option<String>,
    /// What one that does not stand yet lacks.
    pub lacking: String,
    /// Pods that may be killed, by workload; `None` where nobody has looked.
    pub pods: Option<BTreeMap<String, Vec<Victim>>>,
}

/// One workload in both versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// How its users are divided.
    pub router: Router,
    /// The workload under its own name.
    pub stable: Pods,
    /// The one beside it: none if there is none. For a workload that is changed in place: its pods of the new revision.
    pub canary: Option<Pods>,
    /// Per cent that the routes, as read back, give to the canary: 0 where no route names it, `None` where that cannot
    /// be told.
    pub achieved: Option<u8>,
    /// How many pods the new revision asks for in git itself: [`crate::split::Track::fixed`].
    pub fixed: Option<u32>,
    /// The most pods that it lets an autoscaler make: [`crate::split::Track::most`].
    pub most: Option<u32>,
}

/// How users are divided between the versions of a workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Router {
    /// By weights of routes.
    #[default]
    Route,
    /// By the selectors of Services: none or all.
    Selector,
    /// By the number of pods behind one Service.
    Replicas,
    /// By how many pods of a StatefulSet or DaemonSet have been replaced.
    InPlace,
}

/// The pods of one version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pods {
    /// How many are wanted, by `spec.replicas` as it is in the cluster.
    pub wanted: u32,
    /// How many can serve.
    pub ready: u32,
    /// Digest of the revision that all of them are of; `None` while they are being replaced.
    pub settled: Option<String>,
    /// A failure that waiting does not mend, in its own words.
    pub stuck: Option<String>,
}

/// A number that came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What it answers: [`crate::wish::Check::key`].
    pub key: String,
    /// When it was taken.
    pub at: Timestamp,
    /// What came back.
    pub reading: Reading,
}

/// Somebody's consent to one step of one rollout.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The rollout, as [`crate::state::Rollout::id`] says it.
    pub rollout: String,
    /// The step, from 0.
    pub step: usize,
    /// Who.
    pub by: String,
}

/// Something that a person wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Command {
    /// Never the same twice; what counts a command once.
    pub id: String,
    /// What.
    pub action: Action,
    /// Who.
    pub by: String,
    /// The rollout it is meant for, as [`crate::state::Rollout::id`] says it; another one ignores it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<String>,
    /// The step it is meant for, from 0; at another one it is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
}

/// What a person can want.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Go on: ends a pause.
    Promote,
    /// Leave all remaining steps out.
    PromoteFully,
    /// Leave this step out.
    Skip,
    /// Stay at this step.
    Pause,
    /// Back to the old version, and reject the new one.
    Abort,
    /// Try the rejected revision again.
    Retry,
}

impl Observation {
    /// Whom the numbers of a rollout to `target` are about, if what was seen is of that one.
    pub(crate) fn watched_toward(&self, target: &Revision) -> Vec<Watched> {
        let same = self.toward.as_ref() == Some(target);
        self.watched.iter().filter(|_| same).cloned().collect()
    }

    /// Has nothing new begin, whatever git asks for. Of what was rejected it is still told that it was.
    pub fn nothing_begins(&mut self, state: &State) {
        self.strategy = None;
        let rejected = |head: &Revision| state.rejection(head).is_some();
        if self.head.as_ref().is_some_and(rejected) {
            self.toward = None;
        } else {
            self.head = None;
        }
    }
}

impl Workload {
    /// Ready pods of the canary.
    pub(crate) fn canary_ready(&self) -> u32 {
        self.canary.as_ref().map_or(0, |pods| pods.ready)
    }
}
