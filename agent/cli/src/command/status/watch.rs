//! `driftless status --watch`: one watch, no polling.
//!
//! On a terminal the table is painted again on each change, and once a second so that ages go on; that second costs
//! no request. Into a pipe goes one line (or document) per change.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use api::v1alpha1::Environment;
use futures::StreamExt as _;
use kube::ResourceExt as _;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};

use super::lines;
use crate::args::{Format, Status};
use crate::connect::Link;
use crate::context::Context;
use crate::environments;
use crate::error::{Exit, Failure};
use crate::request::RequestError;
use crate::term::{format, short};

const REPAINT: Duration = Duration::from_secs(1);

/// What is on the screen, and what is known.
struct Screen<'a> {
    context: &'a Context,
    all: bool,
    known: BTreeMap<(String, String), Environment>,
    /// Lines painted before; they are painted over.
    height: usize,
}

/// Watches until the user has seen enough.
pub(super) async fn run(args: &Status, link: &Link, context: &Context) -> Result<Exit, Failure> {
    // Fails in plain words where the watch itself would only try again and again.
    environments::list(link, args.all_namespaces, &args.names).await?;
    let paint = context.format == Format::Text && context.interactive();
    let mut screen = Screen::new(args, context);
    let watched = environments::within(link, args.all_namespaces);
    let mut events = watcher(watched, watcher::Config::default())
        .default_backoff()
        .boxed();
    let mut tick = tokio::time::interval(REPAINT);
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => screen.learn(event, &args.names, !paint)?,
                Some(Err(error)) => screen.lost(error, link)?,
                None => return Ok(Exit::Good),
            },
            _ = tick.tick(), if paint => {}
        }
        if paint {
            screen.paint()?;
        }
    }
}

impl<'a> Screen<'a> {
    fn new(args: &Status, context: &'a Context) -> Self {
        Self {
            context,
            all: args.all_namespaces,
            known: BTreeMap::new(),
            height: 0,
        }
    }

    fn learn(
        &mut self,
        event: Event<Environment>,
        names: &[String],
        tell: bool,
    ) -> Result<(), Failure> {
        match event {
            Event::Init | Event::InitDone => {}
            Event::Apply(environment) | Event::InitApply(environment) => {
                if names.is_empty() || names.contains(&environment.name_any()) {
                    if tell {
                        self.tell(&environment)?;
                    }
                    self.known.insert(key(&environment), environment);
                }
            }
            Event::Delete(environment) => drop(self.known.remove(&key(&environment))),
        }
        Ok(())
    }

    /// One line about a change.
    fn tell(&self, environment: &Environment) -> Result<(), Failure> {
        let summary = environments::summary(environment);
        let mut out = self.context.out();
        match self.context.format {
            Format::Json => {
                let line = serde_json::to_string(&summary).map_err(std::io::Error::from)?;
                writeln!(out, "{line}")?;
            }
            Format::Yaml => {
                writeln!(out, "---")?;
                format::yaml(&mut out, &summary)?;
            }
            Format::Text => {
                let (state, color) = lines::state(summary.standing);
                let revision = summary.applied.as_deref().map_or("-", short);
                write!(out, "{}/{} ", summary.namespace, summary.name)?;
                write!(
                    out,
                    "{color}{state}{color:#} {revision} drift {}",
                    summary.drift
                )?;
                match (&summary.reason, &summary.message) {
                    (Some(reason), Some(message)) => writeln!(out, " {reason}: {message}")?,
                    _ => writeln!(out)?,
                }
            }
        }
        Ok(out.flush()?)
    }

    fn paint(&mut self) -> Result<(), Failure> {
        let found: Vec<Environment> = self.known.values().cloned().collect();
        let table = lines::table(&found, self.all, self.context.now());
        if self.height > 0 {
            // Up to the first line painted before, and clear from there. This is no colour, so it is not filtered.
            write!(std::io::stdout(), "\x1b[{}F\x1b[J", self.height)?;
        }
        let mut out = self.context.out();
        table.write(&mut out)?;
        self.height = table.height();
        Ok(out.flush()?)
    }

    /// The connection broke; the watch tries again by itself.
    fn lost(&mut self, error: watcher::Error, link: &Link) -> Result<(), Failure> {
        self.height = 0;
        let text = match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => {
                RequestError::new(error, "Environments", link).to_string()
            }
            other => other.to_string(),
        };
        Ok(writeln!(self.context.talk(), "{text}; trying again")?)
    }
}

fn key(environment: &Environment) -> (String, String) {
    (
        environment.namespace().unwrap_or_default(),
        environment.name_any(),
    )
}
