//! What makes an environment be looked at.

use std::{collections::BTreeSet, fmt};

use krm::ObjectId;

/// The closed set of reasons for a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// The agent began to care for it.
    Start,
    /// Its spec changed.
    Spec,
    /// Somebody asked, by annotation.
    Request,
    /// The config repo has news that a poll found.
    Poll,
    /// The config repo has news that a webhook or a changed file told of.
    Push,
    /// Objects in the cluster changed.
    Live(BTreeSet<ObjectId>),
    /// The cluster it is kept in went away or came back.
    Reach,
    /// Another environment became ready.
    Dependency,
    /// A rollout has a new number, or its time has come, or somebody said something about it.
    Rollout,
    /// An HTTP check stands differently.
    Check,
    /// It failed before and is tried again.
    Retry,
    /// A window lets new revisions through.
    Window,
    /// It is its turn to be audited, for so many objects.
    Turn(usize),
    /// Somebody asked for an audit of all objects.
    Audit,
    /// It has been unhealthy for as long as the spec allows.
    Deadline,
}

impl Trigger {
    /// True if nothing is known to have happened to any object.
    pub(crate) fn tells_of_no_object(&self) -> bool {
        match self {
            Self::Rollout | Self::Check => true,
            Self::Live(objects) => objects.is_empty(),
            _ => false,
        }
    }

    /// The word in reports and logs.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Start => "Start",
            Self::Spec => "SpecChange",
            Self::Request => "Request",
            Self::Poll => "Poll",
            Self::Push => "Push",
            Self::Live(_) => "LiveChange",
            Self::Reach => "ClusterReach",
            Self::Dependency => "Dependency",
            Self::Rollout => "Rollout",
            Self::Check => "Check",
            Self::Retry => "Retry",
            Self::Window => "Window",
            Self::Turn(_) | Self::Audit => "Audit",
            Self::Deadline => "Deadline",
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
