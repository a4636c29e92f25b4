//! Waits until the agent has answered an order.

use api::v1alpha1::{CommandAnswer, Environment, RolloutStatus};
use kube::runtime::wait::await_condition;
use rollout::State;
use rollout::state::Phase;

use super::may::{self, Note, Order};
use crate::args::Give;
use crate::connect::Link;
use crate::environments;
use crate::error::{Exit, Explain, Failure};
use crate::term::short;

/// What came of an order.
pub(super) struct Answered {
    /// What the agent says; it says nothing to an approval that counts.
    pub(super) answer: Option<CommandAnswer>,
    /// Where it stands then, in a sentence.
    pub(super) text: String,
}

/// It came to nothing.
#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error("the agent has not taken up `{word}` for Environment `{name}` within {waited}")]
    Silent {
        word: &'static str,
        name: String,
        waited: api::Interval,
    },
    #[error("the agent ignored `{word}` for Environment `{name}`: {why}")]
    Ignored {
        word: &'static str,
        name: String,
        why: String,
    },
}

impl Explain for FollowError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Silent { name, .. } => {
                format!("is it running? `driftless status {name}` shows what it says")
            }
            Self::Ignored { name, .. } => format!("look again with `driftless rollout {name}`"),
        })
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Silent { .. } => Exit::Error,
            Self::Ignored { .. } => Exit::Difference,
        }
    }
}

/// Waits for it.
pub(super) async fn answer(note: &Note, give: &Give, link: &Link) -> Result<Answered, Failure> {
    let (name, word) = (give.name.clone(), note.order.as_str());
    let answered = await_condition(
        environments::within(link, false),
        &give.name,
        |environment: Option<&Environment>| {
            environment.is_some_and(|environment| is_answered(note, &status(environment)))
        },
    );
    let answered = tokio::time::timeout(give.timeout.duration(), answered).await;
    let environment = answered.ok().and_then(Result::ok).flatten();
    let Some(environment) = environment else {
        return Err(FollowError::Silent {
            word,
            name,
            waited: give.timeout,
        }
        .into());
    };
    let status = status(&environment);
    let answer = status.command.clone().filter(|one| one.id == note.id);
    match answer {
        Some(answer) if !answer.obeyed => Err(FollowError::Ignored {
            word,
            name,
            why: answer.message,
        }
        .into()),
        answer => Ok(Answered {
            answer,
            text: stands(note.order, &status),
        }),
    }
}

fn status(environment: &Environment) -> RolloutStatus {
    let status = environment.status.as_ref();
    let rollout = status.and_then(|status| status.rollout.clone());
    rollout.unwrap_or_default()
}

fn is_answered(note: &Note, status: &RolloutStatus) -> bool {
    if note.order != Order::Approve {
        let told = status.command.as_ref();
        return told.is_some_and(|told| told.id == note.id);
    }
    let Ok(state) = State::read(&status.state) else {
        return false;
    };
    let here = state.rollout.filter(|rollout| {
        Some(rollout.id()) == note.meant.rollout && Some(rollout.step) == note.meant.step
    });
    match here.map(|rollout| rollout.phase) {
        Some(Phase::Stepping(stepping)) => stepping.approvals.contains(&note.by),
        // It has gone on.
        _ => true,
    }
}

/// `promoting fully; now Promoting, 50 % of the traffic`
fn stands(order: Order, status: &RolloutStatus) -> String {
    let done = match order {
        Order::Promote => "goes on",
        Order::PromoteFully => "leaves all steps out",
        Order::Skip => "has left the step out",
        Order::Pause => "stays where it is until `promote`",
        Order::Abort => "goes back",
        Order::Retry => "tries the revision again",
        Order::Approve => "the approval counts",
    };
    let state = State::read(&status.state).ok();
    let rollout = state.and_then(|state| state.rollout);
    let now = match (&rollout, &status.held) {
        (Some(rollout), _) if matches!(rollout.phase, Phase::Stepping(_)) => {
            format!(
                "at {}, {} % of the traffic",
                may::at(rollout),
                rollout.weight
            )
        }
        (Some(_), _) => status.phase.as_str().to_owned(),
        (None, Some(held)) => format!("{} is held", short(&held.revision)),
        (None, None) => match &status.good {
            Some(good) => format!("{} serves everybody", short(good)),
            None => status.phase.as_str().to_owned(),
        },
    };
    format!("{done}; {now}")
}
