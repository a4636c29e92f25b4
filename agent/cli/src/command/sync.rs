//! `driftless sync`: asks the agent to look now, and may wait until it has done what there was to do.

use std::io::Write as _;
use std::time::Duration;

use api::names::{OUTSIDE_WINDOW, OUTSIDE_WINDOW_REASON, REQUESTED_AT, REQUESTED_BY};
use api::v1alpha1::Environment;
use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{Patch, PatchParams};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watcher};
use serde_json::{Value, json};

use crate::args::Sync;
use crate::connect::{Link, connect};
use crate::context::Context;
use crate::environments::{self, Standing, Summary};
use crate::error::{Exit, Explain, Failure};
use crate::request::{EDITOR, RequestError};
use crate::term::{short, style};
use crate::who::whoami;

/// Why it did not come to an end.
#[derive(Debug, thiserror::Error)]
enum SyncError {
    #[error("Environment `{0}` is suspended")]
    Suspended(String),
    #[error("Environment `{name}` was still {standing:?} after {waited}")]
    TimedOut {
        name: String,
        standing: Standing,
        waited: api::Interval,
        handled: bool,
    },
    #[error("Environment `{0}` was deleted while waiting")]
    Gone(String),
    #[error("no revision of Environment `{0}` waits for a window")]
    NothingWaits(String),
}

/// What the last look at the Environment told.
struct Seen {
    summary: Summary,
    handled: bool,
}

impl Explain for SyncError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Suspended(name) => Some(format!("switch it on with `driftless resume {name}`")),
            Self::TimedOut { handled: false, .. } => {
                Some("the agent has not taken up the request; is it running?".to_owned())
            }
            Self::TimedOut { name, .. } => {
                Some(format!("follow it with `driftless status {name} --watch`"))
            }
            Self::NothingWaits(name) => {
                Some(format!("`driftless status {name}` shows what it waits for"))
            }
            Self::Gone(_) => None,
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Suspended(_) | Self::NothingWaits(_) => Exit::Difference,
            Self::TimedOut { .. } | Self::Gone(_) => Exit::Error,
        }
    }
}

/// Asks, and waits where that is wanted.
pub(super) async fn run(args: &Sync, context: &Context) -> Result<Exit, Failure> {
    let link = connect(context).await?;
    let environment = environments::get(&link, &args.name).await?;
    if environment.spec.suspend {
        return Err(SyncError::Suspended(args.name.clone()).into());
    }
    let asked = context.now().to_string();
    let mut annotations = json!({ REQUESTED_AT: asked, REQUESTED_BY: EDITOR });
    if let Some(reason) = &args.reason {
        let waiting = environment.status.and_then(|status| status.waiting);
        let waiting = waiting.ok_or_else(|| SyncError::NothingWaits(args.name.clone()))?;
        annotations[OUTSIDE_WINDOW] = waiting.revision.into();
        annotations[OUTSIDE_WINDOW_REASON] = reason.as_str().into();
        annotations[REQUESTED_BY] = whoami(&link).await.into();
    }
    let requested = request(&args.name, &annotations, &link).await?;
    if !args.wait {
        if !context.print(&environments::summary(&requested))? {
            writeln!(context.out(), "{}: asked for a pass", args.name)?;
        }
        return Ok(Exit::Good);
    }
    let summary = follow(args, &asked, &link, context).await?;
    if !context.print(&summary)? {
        let revision = summary.applied.as_deref().map_or("-", short);
        writeln!(
            context.out(),
            "{}: {:?} at {revision}",
            args.name,
            summary.standing
        )?;
    }
    Ok(match summary.in_sync() {
        true => Exit::Good,
        false => Exit::Difference,
    })
}

async fn request(
    name: &str,
    annotations: &Value,
    link: &Link,
) -> Result<Environment, RequestError> {
    let patch = json!({ "metadata": { "annotations": annotations } });
    let params = PatchParams {
        field_manager: Some(EDITOR.to_owned()),
        ..PatchParams::default()
    };
    environments::within(link, false)
        .patch(name, &params, &Patch::<&serde_json::Value>::Merge(&patch))
        .await
        .map_err(|error| RequestError::new(error, &environments::title(name), link))
}

/// Watches until the request is handled and the Environment stands still.
async fn follow(
    args: &Sync,
    asked: &str,
    link: &Link,
    context: &Context,
) -> Result<Summary, Failure> {
    let mut seen: Option<Seen> = None;
    let end = tokio::time::timeout(
        args.timeout.duration().max(Duration::from_secs(1)),
        settle(args, asked, link, context, &mut seen),
    );
    match end.await {
        Ok(summary) => summary,
        Err(_) => Err(SyncError::TimedOut {
            name: args.name.clone(),
            standing: seen
                .as_ref()
                .map_or(Standing::Unknown, |seen| seen.summary.standing),
            waited: args.timeout,
            handled: seen.is_some_and(|seen| seen.handled),
        }
        .into()),
    }
}

async fn settle(
    args: &Sync,
    asked: &str,
    link: &Link,
    context: &Context,
    seen: &mut Option<Seen>,
) -> Result<Summary, Failure> {
    let only = watcher::Config::default().fields(&format!("metadata.name={}", args.name));
    let mut changes = watcher(environments::within(link, false), only)
        .default_backoff()
        .boxed();
    let mut said = String::new();
    loop {
        // A broken watch is opened again by the stream itself; the timeout ends what never mends.
        let environment = match changes.try_next().await {
            Ok(Some(watcher::Event::Apply(new) | watcher::Event::InitApply(new))) => new,
            Ok(Some(watcher::Event::Delete(_)) | None) => {
                return Err(SyncError::Gone(args.name.clone()).into());
            }
            Ok(Some(watcher::Event::Init | watcher::Event::InitDone)) | Err(_) => continue,
        };
        let handled = environment
            .status
            .as_ref()
            .is_some_and(|status| status.handled_request.as_deref() == Some(asked));
        let summary = environments::summary(&environment);
        tell(&summary, &mut said, context)?;
        let moves = matches!(
            summary.standing,
            Standing::Progressing | Standing::RollingOut | Standing::Unknown
        );
        *seen = Some(Seen {
            summary: summary.clone(),
            handled,
        });
        if handled && !moves {
            return Ok(summary);
        }
    }
}

/// Says what is new.
fn tell(summary: &Summary, said: &mut String, context: &Context) -> Result<(), Failure> {
    if let (Some(reason), Some(message)) = (&summary.reason, &summary.message) {
        let text = format!("{reason}: {message}");
        if text != *said {
            let dim = style::DIM;
            writeln!(context.talk(), "{dim}{}{dim:#} {text}", summary.name)?;
            *said = text;
        }
    }
    Ok(())
}
