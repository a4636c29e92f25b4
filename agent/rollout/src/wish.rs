//! What is to stand now: the whole picture, every time.
//!
//! A wish can be carried out twice, late, or after a restart; the outcome is the same.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    judge::Decision,
    state::{Revision, Said},
    strategy::{Chaos, Flag, Metric, Namespaces, Testers, Traffic},
    victim::Victim,
};

/// What follows from one look.
#[derive(Clone, Debug, PartialEq)]
pub struct Effects {
    /// What is to stand now.
    pub wish: Wish,
    /// What was decided, for the record.
    pub records: Vec<Record>,
    /// When something can change by time alone.
    pub wake: Option<Timestamp>,
    /// What it waits for, in a sentence; empty if for nothing.
    pub waiting: String,
}

/// What is to stand now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wish {
    /// The revision of everything but the canary; `None` before the first one.
    pub base: Option<Revision>,
    /// What stands beside it.
    pub canary: Option<Canary>,
    /// The two namespaces that take turns, if they do.
    pub namespaces: Option<Namespaces>,
    /// The namespace of `base`, where that is not the environment's own.
    pub side: Option<String>,
    /// What stands in another namespace than `base`.
    pub other: Option<Other>,
    /// Feature flags that differ from git, by [`Flag::id`].
    pub flags: BTreeMap<String, Flag>,
    /// What git says of them where they are to differ; where it is empty, whatever git says.
    pub flags_in_git: Said,
    /// The numbers to ask for.
    pub checks: Vec<Check>,
    /// The disturbance under way.
    pub chaos: Option<Disturbance>,
}

/// A whole revision in a namespace of its own: the canary's, or one that is ready to take over again.
#[derive(Clone, Debug, PartialEq)]
pub struct Other {
    /// The namespace.
    pub namespace: String,
    /// What is there.
    pub revision: Revision,
    /// Pods that each workload is not to go below there, by `Deployment/shop/web`.
    pub pods: BTreeMap<String, u32>,
}

/// The new version beside the old one.
#[derive(Clone, Debug, PartialEq)]
pub struct Canary {
    /// Its revision.
    pub revision: Revision,
    /// How users are divided.
    pub traffic: Traffic,
    /// Per cent of the requests it gets.
    pub weight: u8,
    /// Per cent of the requests that it gets as soon as its pods are there. Decides how many there are.
    pub target: u8,
    /// Pods of each workload, by `Deployment/shop/web`.
    pub pods: BTreeMap<String, u32>,
    /// Pods that each stable workload is not to go below, whatever an autoscaler thinks.
    pub floors: BTreeMap<String, u32>,
    /// Requests that are led to it whatever the weight.
    pub testers: Option<Testers>,
}

/// A number to ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What to call the answer: [`crate::observe::Sample::key`].
    pub key: String,
    /// What to ask.
    pub metric: Metric,
    /// When next.
    pub due: Timestamp,
    /// When the last one was taken that is counted already.
    pub last: Option<Timestamp>,
}

/// A chaos step under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Disturbance {
    /// Which rollout and step: what is done once is done once for this.
    pub id: String,
    /// What.
    pub chaos: Chaos,
    /// Pods that are to be gone, each by its UID, so that doing it again does nothing. Empty once they are.
    pub victims: Vec<Victim>,
    /// When it ends; `None` while it is not all there.
    pub until: Option<Timestamp>,
}

/// Something that was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What, as one word.
    pub event: Event,
    /// In a sentence.
    pub message: String,
    /// Who, where it was somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The number behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// What can be decided.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Event {
    /// A rollout began.
    Started,
    /// A step was entered.
    StepStarted,
    /// The new version gets another share.
    Weighted,
    /// The new version is disturbed on purpose.
    Disturbed,
    /// It gets less than its step says, since it has too few pods.
    Capped,
    /// A number was judged.
    Judged,
    /// Somebody approved.
    Approved,
    /// A command was obeyed.
    Commanded,
    /// A command came for something else.
    Ignored,
    /// All steps are passed.
    Promoting,
    /// The revision is the good one now.
    Promoted,
    /// Back to the old version.
    Ending,
    /// The old version serves alone again.
    Ended,
    /// An alarm after promotion: back to the former release.
    RollingBack,
}
