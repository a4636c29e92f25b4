//! `driftless status`: one line per Environment, and below it why it is not well.

mod lines;
mod watch;
mod windows;

use std::io::Write as _;

use api::v1alpha1::Environment;
use serde::Serialize;

use crate::args::Status;
use crate::connect::{Link, connect};
use crate::context::Context;
use crate::environments::{self, Summary};
use crate::error::{Exit, Explain, Failure};

/// The answer for programs.
#[derive(Serialize)]
struct Answer {
    environments: Vec<Summary>,
}

/// There is nothing to show.
#[derive(Debug, thiserror::Error)]
#[error("no Environments in {place}")]
struct NoneFound {
    place: String,
    all: bool,
}

impl Explain for NoneFound {
    fn hint(&self) -> Option<String> {
        Some(match self.all {
            true => "`deploy/examples/environments.yaml` shows how to write one".to_owned(),
            false => "look in all namespaces with `-A`, or in another with `-n`".to_owned(),
        })
    }
}

/// Shows them, once or for as long as the user looks.
pub(super) async fn run(args: &Status, context: &Context) -> Result<Exit, Failure> {
    let link = connect(context).await?;
    if args.watch {
        return watch::run(args, &link, context).await;
    }
    let found = environments::list(&link, args.all_namespaces, &args.names).await?;
    if found.is_empty() && context.format == crate::args::Format::Text {
        return Err(none(args, &link).into());
    }
    show(&found, args.all_namespaces, context)?;
    Ok(verdict(&found))
}

fn show(found: &[Environment], all: bool, context: &Context) -> Result<(), Failure> {
    let environments = found.iter().map(environments::summary).collect();
    if !context.print(&Answer { environments })? {
        let mut out = context.out();
        lines::table(found, all, context.now()).write(&mut out)?;
        out.flush()?;
    }
    Ok(())
}

fn verdict(found: &[Environment]) -> Exit {
    match found
        .iter()
        .all(|environment| environments::summary(environment).in_sync())
    {
        true => Exit::Good,
        false => Exit::Difference,
    }
}

fn none(args: &Status, link: &Link) -> NoneFound {
    NoneFound {
        place: match args.all_namespaces {
            true => format!("any namespace of {}", link.server),
            false => format!("namespace `{}`", link.namespace),
        },
        all: args.all_namespaces,
    }
}
