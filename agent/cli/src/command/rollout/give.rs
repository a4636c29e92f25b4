//! Gives an order to the agent: an annotation, written only over the very state it was judged upon.

use std::io::Write as _;

use api::names::{ROLLOUT_APPROVALS, ROLLOUT_COMMAND};
use api::v1alpha1::{CommandAnswer, Environment};
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use rollout::observe::{Approval, Command};
use serde::Serialize;
use serde_json::{Value, json};

use super::follow;
use super::may::{Meant, Note, Order, may};
use crate::args::Give;
use crate::connect::Link;
use crate::context::Context;
use crate::environments;
use crate::error::{Exit, Explain, Failure};
use crate::request::{EDITOR, RequestError};
use crate::who::whoami;

/// The agent writes on the same object all the time, so a few conflicts are nothing special.
const TRIES: usize = 20;

/// What was asked for, for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Given {
    environment: String,
    action: &'static str,
    by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rollout: Option<String>,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<CommandAnswer>,
}

/// It could not be written.
#[derive(Debug, thiserror::Error)]
enum GiveError {
    #[error("the rollout of Environment `{name}` has moved on from {place}")]
    Moved { name: String, place: String },
    #[error("Environment `{0}` changes so often that nothing can be written")]
    Restless(String),
}

impl Explain for GiveError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Moved { name, .. } => Some(format!("look again with `driftless rollout {name}`")),
            Self::Restless(_) => None,
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Moved { .. } => Exit::Difference,
            Self::Restless(_) => Exit::Error,
        }
    }
}

/// Judges, writes, and waits for the answer if that is wanted.
pub(super) async fn run(
    order: Order,
    give: &Give,
    link: &Link,
    context: &Context,
) -> Result<Exit, Failure> {
    let mut environment = environments::get(link, &give.name).await?;
    let by = whoami(link).await;
    let note = Note {
        order,
        meant: may(order, &environment, give.step, &by)?,
        id: format!("{} {by}", context.now()),
        by,
    };
    for _ in 0..TRIES {
        let replaced = unheard(&environment).filter(|_| order != Order::Approve);
        if write(&note, &environment, link).await? {
            if let Some(command) = replaced {
                let (word, by) = (command.action.as_str(), &command.by);
                writeln!(
                    context.talk(),
                    "note: this takes the place of `{word}` of {by}, which the agent has not taken up"
                )?;
            }
            return end(note, give, link, context).await;
        }
        environment = environments::get(link, &give.name).await?;
        if may(order, &environment, give.step, &note.by)? != note.meant {
            return Err(GiveError::Moved {
                name: give.name.clone(),
                place: note.meant.place,
            }
            .into());
        }
    }
    Err(GiveError::Restless(give.name.clone()).into())
}

async fn end(note: Note, give: &Give, link: &Link, context: &Context) -> Result<Exit, Failure> {
    let mut answer = None;
    if give.wait {
        let answered = follow::answer(&note, give, link).await?;
        if !answered.text.is_empty() && context.format == crate::args::Format::Text {
            writeln!(context.out(), "{}: {}", give.name, answered.text)?;
        }
        answer = answered.answer;
    }
    let given = Given {
        environment: give.name.clone(),
        action: note.order.as_str(),
        by: note.by,
        rollout: note.meant.rollout,
        step: note.meant.step.map(|step| step + 1),
        answer,
    };
    if !context.print(&given)? && !give.wait {
        let (name, words) = (&give.name, words(note.order, &note.meant.place));
        writeln!(context.out(), "{name}: asked to {words}")?;
    }
    Ok(Exit::Good)
}

/// What is asked for.
fn words(order: Order, place: &str) -> String {
    match order {
        Order::Promote => format!("go on from {place}"),
        Order::PromoteFully => format!("leave out all steps from {place} on"),
        Order::Skip => format!("leave out {place}"),
        Order::Pause => format!("stay at {place}"),
        Order::Abort => format!("go back from {place}"),
        Order::Retry => format!("try {place} again"),
        Order::Approve => format!("count an approval of {place}"),
    }
}

/// A command that the agent has not counted yet.
fn unheard(environment: &Environment) -> Option<Command> {
    let command: Command =
        serde_json::from_str(environment.annotations().get(ROLLOUT_COMMAND)?).ok()?;
    let status = environment.status.as_ref();
    let rollout = status.and_then(|status| status.rollout.as_ref());
    let handled = rollout.map(|rollout| &rollout.state["handled"]);
    let heard = handled.and_then(Value::as_str) == Some(command.id.as_str());
    (!heard).then_some(command)
}

/// Writes it over exactly `environment`. False if that has changed meanwhile.
async fn write(note: &Note, environment: &Environment, link: &Link) -> Result<bool, RequestError> {
    let (key, value) = annotation(note, environment);
    let patch = json!({ "metadata": {
        "resourceVersion": environment.resource_version(),
        "annotations": { key: value },
    } });
    let params = PatchParams {
        field_manager: Some(EDITOR.to_owned()),
        ..PatchParams::default()
    };
    let name = environment.name_any();
    let api = environments::within(link, false);
    let patch = Patch::<&Value>::Merge(&patch);
    match api.patch(&name, &params, &patch).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(RequestError::new(error, &environments::title(&name), link)),
    }
}

fn annotation(note: &Note, environment: &Environment) -> (&'static str, String) {
    let Meant { rollout, step, .. } = note.meant.clone();
    let text = match note.order.action() {
        Some(action) => json!(Command {
            id: note.id.clone(),
            action,
            by: note.by.clone(),
            rollout,
            step,
        }),
        None => json!(approvals(note, environment)),
    };
    let key = match note.order {
        Order::Approve => ROLLOUT_APPROVALS,
        _ => ROLLOUT_COMMAND,
    };
    (key, text.to_string())
}

/// Those of this rollout, and ours. What stands there for other rollouts is worth nothing any more.
fn approvals(note: &Note, environment: &Environment) -> Vec<Approval> {
    let text = environment.annotations().get(ROLLOUT_APPROVALS);
    let stored = text.and_then(|text| serde_json::from_str::<Vec<Approval>>(text).ok());
    let rollout = note.meant.rollout.clone().unwrap_or_default();
    let mut all: Vec<_> = stored.unwrap_or_default();
    all.retain(|one| one.rollout == rollout);
    let ours = Approval {
        rollout,
        step: note.meant.step.unwrap_or_default(),
        by: note.by.clone(),
    };
    if !all.contains(&ours) {
        all.push(ours);
    }
    all
}
