//! Which hooks may run at a moment of a rollout, and in which release they count as run.
//!
//! A revision that goes out step by step runs what comes before it once, when it sets out; what comes after it once it is
//! promoted; and what tells of a failure once it is rejected. On the way back nothing runs. What a hook is and how its
//! Job stands is not known here.

use plan::point::Point;

use crate::state::{Direction, Phase, State};

/// Whose turn it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Turn {
    /// Nothing is on its way: hooks run as they do without a rollout.
    #[default]
    Whole,
    /// Those that come before the revision on its way, in this release.
    Ahead(String),
    /// Those that tell of a failure: this release was rejected.
    Rejected(String),
    /// Nobody's: something goes back, or what stands is not what git asks for.
    Nobody,
}

impl Turn {
    /// What `state` lets run, where git asks for the revision with this digest.
    pub fn of(state: &State, asked: &str) -> Self {
        let good = state.good.as_ref();
        let stands = good.is_none_or(|good| good.digest == asked);
        let Some(rollout) = &state.rollout else {
            let mut rejected = state.rejected.iter().filter(|one| !one.retry);
            let rejected = rejected.find(|one| one.revision.digest == asked);
            return match (stands, rejected) {
                (true, _) => Self::Whole,
                (false, Some(one)) => Self::Rejected(one.revision.release.clone()),
                (false, None) => Self::Nobody,
            };
        };
        match (&rollout.phase, rollout.direction) {
            (Phase::Baking { .. }, _) if stands => Self::Whole,
            (Phase::Baking { .. } | Phase::Ending { .. }, _) | (_, Direction::Back) => Self::Nobody,
            _ => Self::Ahead(rollout.target.release.clone()),
        }
    }

    /// True if hooks of this point may run now.
    pub const fn lets(&self, point: Point) -> bool {
        match self {
            Self::Whole => true,
            Self::Ahead(_) => matches!(point, Point::Before),
            Self::Rejected(_) => matches!(point, Point::Failed),
            Self::Nobody => false,
        }
    }
}
