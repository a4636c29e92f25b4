//! `driftless diff`: what a working tree or a branch would change in the cluster.
//!
//! The API server says it, by a dry run of the very apply that the agent would do: with its defaults, its admission and
//! its view of who owns what. Nothing is changed. Values of Secrets are masked before anything is compared as text.

mod ask;
mod normal;
mod rollout;
mod scope;

use std::io::Write as _;

use serde::Serialize;

use crate::args::Diff;
use crate::connect::connect;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::term::{style, unified};

/// The answer.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// What would be done, and to what.
    changes: Vec<Change>,
    /// Hooks that would run, if anything changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hooks: Vec<Hook>,
    /// What would be refused.
    failures: Vec<Refused>,
    summary: Summary,
}

/// One object that would change.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    action: Action,
    object: String,
    /// Where it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// The difference, from live to desired.
    diff: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// One Job that would run on the way of the release.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Hook {
    object: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// `before`, `after` or `failed`.
    point: &'static str,
}

/// One object that would be refused.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Refused {
    object: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    message: String,
}

/// What would be done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Action {
    Create,
    Update,
    Recreate,
    Delete,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    create: usize,
    update: usize,
    recreate: usize,
    delete: usize,
    unchanged: usize,
    refused: usize,
}

/// Renders, asks, compares.
pub(super) async fn run(args: &Diff, context: &Context) -> Result<Exit, Failure> {
    let link = connect(context).await?;
    let scope = scope::resolve(args, &link).await?;
    let objects = scope::objects(args, &scope)?;
    let answer = ask::ask(objects, &scope, &link).await?;
    if !context.print(&answer)? {
        print(&answer, &scope, context)?;
    }
    Ok(answer.exit())
}

impl Answer {
    fn exit(&self) -> Exit {
        match (self.failures.is_empty(), self.changes.is_empty()) {
            (false, _) => Exit::Error,
            (true, false) => Exit::Difference,
            (true, true) => Exit::Good,
        }
    }

    /// Counts what would be done; all else is unchanged.
    fn sum(&mut self, unchanged: usize) {
        let count = |action| {
            self.changes
                .iter()
                .filter(|change| change.action == action)
                .count()
        };
        self.summary = Summary {
            create: count(Action::Create),
            update: count(Action::Update),
            recreate: count(Action::Recreate),
            delete: count(Action::Delete),
            unchanged,
            refused: self.failures.len(),
        };
    }
}

fn print(answer: &Answer, scope: &scope::Scope, context: &Context) -> Result<(), Failure> {
    let mut out = context.out();
    for change in &answer.changes {
        let (sign, word, color) = match change.action {
            Action::Create => ('+', "create", style::GOOD),
            Action::Update => ('~', "update", style::WAIT),
            Action::Recreate => ('±', "recreate", style::WAIT),
            Action::Delete => ('-', "delete", style::BAD),
        };
        write!(out, "{color}{sign} {word}{color:#} {}", change.object)?;
        let dim = style::DIM;
        for remark in change.at.iter().chain(&change.note) {
            write!(out, " {dim}({remark}){dim:#}")?;
        }
        writeln!(out)?;
        unified::write(&mut out, &change.diff)?;
    }
    let (note, dim) = (style::NOTE, style::DIM);
    for Hook { object, at, point } in &answer.hooks {
        let at = at.as_ref().map(|at| format!(", {at}")).unwrap_or_default();
        writeln!(
            out,
            "{note}▸ run{note:#} {object} {dim}({point}{at}){dim:#}"
        )?;
    }
    let bad = style::BAD;
    for Refused {
        object,
        at,
        message,
    } in &answer.failures
    {
        let at = at.as_ref().map(|at| format!(" ({at})")).unwrap_or_default();
        writeln!(out, "{bad}✗ refused{bad:#} {object}{at}: {message}")?;
    }
    out.flush()?;
    let mut talk = context.talk();
    for note in &scope.notes {
        writeln!(talk, "note: {note}")?;
    }
    writeln!(talk, "{}", answer.summary)?;
    Ok(())
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [
            ("to create", self.create),
            ("to update", self.update),
            ("to recreate", self.recreate),
            ("to delete", self.delete),
            ("refused", self.refused),
        ];
        for (word, count) in parts.into_iter().filter(|(_, count)| *count > 0) {
            write!(f, "{count} {word}, ")?;
        }
        write!(f, "{} unchanged", self.unchanged)
    }
}
