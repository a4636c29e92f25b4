//! Whether an order makes sense where a rollout stands, and what exactly it is meant for.
//!
//! The agent judges again when it obeys; this is to tell people at once, in plain words.

use api::v1alpha1::{Environment, HeldRevision, RolloutStatus};
use rollout::State;
use rollout::observe::Action;
use rollout::state::{Phase, Rejection, Rollout, StateError, Stepping};
use rollout::strategy::Step;

use crate::error::{Exit, Explain};
use crate::term::short;

/// What somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Promote,
    PromoteFully,
    Skip,
    Pause,
    Abort,
    Retry,
    Approve,
}

/// What an order is meant for; at anything else it is ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Meant {
    /// The rollout.
    pub(super) rollout: Option<String>,
    /// The step, from 0.
    pub(super) step: Option<usize>,
    /// In words: `step 3 of 12 (2m)`.
    pub(super) place: String,
}

/// An order as it is written.
pub(super) struct Note {
    pub(super) order: Order,
    pub(super) meant: Meant,
    pub(super) by: String,
    /// Never the same twice.
    pub(super) id: String,
}

/// Why it makes no sense.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("Environment `{0}` is suspended, so the agent does nothing there")]
    Suspended(String),
    #[error("no rollout of Environment `{name}` is under way: {good} serves everybody")]
    Settled { name: String, good: String },
    #[error("no rollout of Environment `{name}` is under way: {revision} was rejected ({why})")]
    Held {
        name: String,
        revision: String,
        why: String,
    },
    #[error("nothing of Environment `{0}` was rejected")]
    NothingRejected(String),
    #[error("{revision} is on its way in Environment `{name}` already")]
    OnItsWay { name: String, revision: String },
    #[error("{place} of Environment `{name}` waits for nobody")]
    WaitsForNobody { name: String, place: String },
    #[error("Environment `{name}` is at {place}, not at step {wanted}")]
    OtherStep {
        name: String,
        place: String,
        wanted: usize,
    },
    #[error("the steps of Environment `{name}` are over: it is {phase}")]
    StepsOver { name: String, phase: &'static str },
    #[error("Environment `{0}` is on its way back already")]
    GoesBack(String),
    #[error("Environment `{name}` is paused by {by} already")]
    Paused { name: String, by: String },
    #[error("{by} has approved {place} of Environment `{name}` already")]
    Approved {
        name: String,
        place: String,
        by: String,
    },
    #[error("where the rollout of Environment `{0}` stands cannot be read")]
    Unreadable(String, #[source] StateError),
}

impl Explain for Refusal {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Suspended(name) => format!("switch it on with `driftless resume {name}`"),
            Self::Held { name, .. } => {
                format!(
                    "push a newer commit, or try it again with `driftless rollout retry {name}`"
                )
            }
            Self::WaitsForNobody { name, .. } => format!(
                "`driftless rollout skip {name}` leaves this step out, `driftless rollout promote {name} --full` all of them"
            ),
            Self::Paused { name, .. } => {
                format!("`driftless rollout promote {name}` goes on")
            }
            Self::StepsOver { name, .. } => {
                format!("`driftless rollout abort {name}` still goes back")
            }
            Self::Settled { name, .. }
            | Self::OtherStep { name, .. }
            | Self::OnItsWay { name, .. }
            | Self::GoesBack(name)
            | Self::NothingRejected(name) => {
                format!("`driftless rollout {name}` shows where it stands")
            }
            Self::Unreadable(..) => "use a newer `driftless`".to_owned(),
            Self::Approved { .. } => return None,
        })
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Unreadable(..) => Exit::Error,
            _ => Exit::Difference,
        }
    }
}

/// Judges `order` of `by`, which is to be for `step` (from 1) alone if that is said.
pub(super) fn may(
    order: Order,
    environment: &Environment,
    step: Option<usize>,
    by: &str,
) -> Result<Meant, Refusal> {
    let name = environment.metadata.name.clone().unwrap_or_default();
    if environment.spec.suspend {
        return Err(Refusal::Suspended(name));
    }
    let status = environment.status.as_ref();
    let status = status.and_then(|status| status.rollout.clone());
    let status = status.unwrap_or_default();
    let state = match status.state.is_null() {
        true => State::default(),
        false => {
            State::read(&status.state).map_err(|error| Refusal::Unreadable(name.clone(), error))?
        }
    };
    let place = Place {
        name,
        status: &status,
        state: &state,
    };
    if order == Order::Retry {
        return place.retry();
    }
    let rollout = place.rollout()?;
    let meant = Meant {
        rollout: Some(rollout.id()),
        step: Some(rollout.step).filter(|_| order.is_for_one_step()),
        place: at(rollout),
    };
    if let Some(wanted) = step.filter(|wanted| *wanted != rollout.step + 1) {
        return Err(Refusal::OtherStep {
            name: place.name,
            place: meant.place,
            wanted,
        });
    }
    match order {
        Order::Abort => place.abort(rollout)?,
        _ => place.at_step(order, rollout, by)?,
    }
    Ok(meant)
}

struct Place<'a> {
    name: String,
    status: &'a RolloutStatus,
    state: &'a State,
}

impl Place<'_> {
    fn rollout(&self) -> Result<&Rollout, Refusal> {
        let name = self.name.clone();
        match (&self.state.rollout, &self.status.held) {
            (Some(rollout), _) => Ok(rollout),
            (
                None,
                Some(HeldRevision {
                    revision, message, ..
                }),
            ) => Err(Refusal::Held {
                name,
                revision: short(revision).to_owned(),
                why: message.clone(),
            }),
            (None, None) => Err(Refusal::Settled {
                name,
                good: short(self.status.good.as_deref().unwrap_or("what git asks for")).to_owned(),
            }),
        }
    }

    fn retry(&self) -> Result<Meant, Refusal> {
        if let Some(rollout) = &self.state.rollout {
            return Err(Refusal::OnItsWay {
                name: self.name.clone(),
                revision: short(&rollout.target.commit).to_owned(),
            });
        }
        let Some(held) = &self.status.held else {
            return Err(Refusal::NothingRejected(self.name.clone()));
        };
        let mut rejected = self.state.rejected.iter().rev();
        let rejection = rejected.find(|one| !one.retry && one.revision.commit == held.revision);
        Ok(Meant {
            rollout: rejection.map(Rejection::id),
            step: None,
            place: short(&held.revision).to_owned(),
        })
    }

    fn abort(&self, rollout: &Rollout) -> Result<(), Refusal> {
        match &rollout.phase {
            Phase::Ending { .. } => Err(Refusal::GoesBack(self.name.clone())),
            _ => Ok(()),
        }
    }

    fn at_step(&self, order: Order, rollout: &Rollout, by: &str) -> Result<(), Refusal> {
        let name = self.name.clone();
        let stepping = match &rollout.phase {
            Phase::Stepping(stepping) => stepping,
            Phase::Ending { .. } => return Err(Refusal::GoesBack(name)),
            _ => {
                let phase = self.status.phase.as_str();
                return Err(Refusal::StepsOver { name, phase });
            }
        };
        let place = at(rollout);
        match (order, &rollout.paused) {
            (Order::Promote, Some(_)) => Ok(()),
            (Order::Pause, Some(by)) => Err(Refusal::Paused {
                name,
                by: by.clone(),
            }),
            (Order::Promote | Order::Approve, _) if !waits_for_people(rollout) => {
                Err(Refusal::WaitsForNobody { name, place })
            }
            (Order::Promote | Order::Approve, _) => has_approved(stepping, by)
                .then(|| Refusal::Approved {
                    name,
                    place,
                    by: by.to_owned(),
                })
                .map_or(Ok(()), Err),
            _ => Ok(()),
        }
    }
}

impl Order {
    /// What the agent is told; an approval is no command.
    pub(super) const fn action(self) -> Option<Action> {
        Some(match self {
            Self::Promote => Action::Promote,
            Self::PromoteFully => Action::PromoteFully,
            Self::Skip => Action::Skip,
            Self::Pause => Action::Pause,
            Self::Abort => Action::Abort,
            Self::Retry => Action::Retry,
            Self::Approve => return None,
        })
    }

    /// As it is typed.
    pub(super) const fn as_str(self) -> &'static str {
        match self.action() {
            Some(action) => action.as_str(),
            None => "approve",
        }
    }

    const fn is_for_one_step(self) -> bool {
        matches!(self, Self::Promote | Self::Skip | Self::Approve)
    }
}

/// True if somebody can move on the step that `rollout` is at.
pub(super) fn waits_for_people(rollout: &Rollout) -> bool {
    let step = rollout.strategy.steps.get(rollout.step);
    matches!(step, Some(Step::Pause(_) | Step::Approve(_)))
}

fn has_approved(stepping: &Stepping, by: &str) -> bool {
    stepping.approvals.contains(by)
}

/// `step 3 of 12 (2m)`, or what comes after the steps.
pub(super) fn at(rollout: &Rollout) -> String {
    match &rollout.phase {
        Phase::Stepping(_) => {}
        Phase::Promoting { .. } | Phase::Returning { .. } => return "its promotion".to_owned(),
        Phase::Baking { .. } => return "its bake time".to_owned(),
        Phase::Ending { .. } => return "its way back".to_owned(),
    }
    let steps = &rollout.strategy.steps;
    let number = (rollout.step + 1).min(steps.len());
    let brief = steps.get(rollout.step).map(Step::brief);
    let brief = brief.map(|brief| format!(" ({brief})")).unwrap_or_default();
    format!("step {number} of {}{brief}", steps.len())
}
