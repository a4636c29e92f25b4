//! `driftless rollback`: `git revert` of what came after a good Release, pushed for the agent to pull.
//!
//! Nothing is done to the cluster: what is not in git would be drift.

mod choose;

use std::collections::BTreeSet;
use std::io::Write as _;

use api::v1alpha1::{Environment, Release};
use kube::ResourceExt as _;
use serde::Serialize;

use crate::args::Rollback;
use crate::connect::connect;
use crate::context::Context;
use crate::environments;
use crate::error::{Exit, Explain, Failure};
use crate::git::{Commit, GitError, PushError, Repo, RepoError, RevertError};
use crate::releases;
use crate::term::{short, style};

/// How often a moved branch is met with a new attempt.
const ATTEMPTS: usize = 5;

/// The answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    environment: String,
    /// The Release gone back to.
    release: String,
    revision: String,
    branch: String,
    /// What is undone, newest first.
    reverted: Vec<Commit>,
    /// What came after, too, but concerns other overlays.
    left_alone: Vec<Commit>,
    /// The new tip of the branch; absent if nothing was pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pushed: Option<String>,
}

/// Why there was no rollback.
#[derive(Debug, thiserror::Error)]
enum RollbackError {
    #[error(transparent)]
    Repo(#[from] RepoError),
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("branch `{branch}` does not contain revision {revision} of Release `{release}`")]
    NotInBranch {
        branch: String,
        revision: String,
        release: String,
    },
    #[error(transparent)]
    Revert(#[from] RevertError),
    #[error(transparent)]
    Push(PushError),
    #[error("branch `{0}` moved {ATTEMPTS} times meanwhile")]
    Busy(String),
}

impl Explain for RollbackError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Repo(error) => error.hint(),
            Self::Git(error) | Self::Revert(RevertError::Git(error)) => error.hint(),
            Self::NotInBranch { .. } => Some("its history was rewritten since; undo by hand".to_owned()),
            Self::Revert(RevertError::Conflict(..)) => Some(
                "nothing was pushed; choose an earlier Release with `--to`, or revert by hand in a clone".to_owned(),
            ),
            Self::Push(_) => Some("do you have the right to push to the branch?".to_owned()),
            Self::Busy(_) => Some("try again".to_owned()),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Revert(RevertError::Conflict(..))
            | Self::NotInBranch { .. }
            | Self::Push(PushError::Refused(_)) => Exit::Difference,
            _ => Exit::Error,
        }
    }
}

/// Finds, reverts, pushes.
pub(super) async fn run(args: &Rollback, context: &Context) -> Result<Exit, Failure> {
    let link = connect(context).await?;
    let environment = environments::get(&link, &args.name).await?;
    let all = releases::of(&link, &args.name).await?;
    let good = match &args.to {
        Some(wanted) => releases::find(&all, &args.name, wanted)?,
        None => choose::last_good(&args.name, &all)?,
    };
    let answer = rollback(args, &environment, good)?;
    if !context.print(&answer)? {
        print(&answer, args.dry_run, context)?;
    }
    Ok(Exit::Good)
}

fn rollback(
    args: &Rollback,
    environment: &Environment,
    good: &Release,
) -> Result<Answer, RollbackError> {
    let source = &environment.spec.source;
    let repo = Repo::temporary(args.repo.as_ref().unwrap_or(&source.url))?;
    let mut answer = Answer {
        environment: args.name.clone(),
        release: good.name_any(),
        revision: good.spec.revision.clone(),
        branch: source.branch.clone(),
        reverted: Vec::new(),
        left_alone: Vec::new(),
        pushed: None,
    };
    for _ in 0..ATTEMPTS {
        let tip = repo.fetch(&source.branch, true)?;
        if !repo.contains(&answer.revision, &tip)? {
            return Err(RollbackError::NotInBranch {
                branch: answer.branch,
                revision: answer.revision,
                release: answer.release,
            });
        }
        let reads = choose::reads(&repo, &[&answer.revision, &tip], &source.path)?;
        (answer.reverted, answer.left_alone) =
            split(&repo, &answer.revision, &tip, reads.as_ref())?;
        if args.dry_run || answer.reverted.is_empty() {
            return Ok(answer);
        }
        let new = repo.revert(&tip, &answer.reverted)?;
        match repo.push(&new, &source.branch) {
            Ok(()) => {
                answer.pushed = Some(new);
                return Ok(answer);
            }
            Err(PushError::Moved(_)) => {}
            Err(error) => return Err(RollbackError::Push(error)),
        }
    }
    Err(RollbackError::Busy(answer.branch))
}

/// The commits after `good` that change what the overlay reads, and the others. None at all if it reads the same now.
fn split(
    repo: &Repo,
    good: &str,
    tip: &str,
    reads: Option<&BTreeSet<String>>,
) -> Result<(Vec<Commit>, Vec<Commit>), GitError> {
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    if let Some(reads) = reads
        && repo.changed(good, tip)?.is_disjoint(reads)
    {
        return Ok((ours, others));
    }
    for commit in repo.since(good, tip)? {
        let concerns = match reads {
            Some(reads) => !repo.touched(&commit)?.is_disjoint(reads),
            None => true,
        };
        match concerns {
            true => ours.push(commit),
            false => others.push(commit),
        }
    }
    Ok((ours, others))
}

fn print(answer: &Answer, dry_run: bool, context: &Context) -> Result<(), Failure> {
    let mut out = context.out();
    let word = if dry_run { "would revert" } else { "reverted" };
    for commit in &answer.reverted {
        let (
            note,
            Commit {
                author, subject, ..
            },
        ) = (style::NOTE, commit);
        writeln!(
            out,
            "{word} {note}{}{note:#} {author}: {subject}",
            short(&commit.id)
        )?;
    }
    for commit in &answer.left_alone {
        let dim = style::DIM;
        writeln!(
            out,
            "{dim}left alone {} (other overlays): {}{dim:#}",
            short(&commit.id),
            commit.subject
        )?;
    }
    out.flush()?;
    let (release, revision) = (&answer.release, short(&answer.revision));
    let mut talk = context.talk();
    match &answer.pushed {
        Some(tip) => writeln!(
            talk,
            "{}: pushed {}; the overlay is as it was in {release} ({revision})",
            answer.branch,
            short(tip)
        )?,
        None if answer.reverted.is_empty() => {
            writeln!(
                talk,
                "{}: already as it was in {release} ({revision})",
                answer.branch
            )?;
        }
        None => writeln!(talk, "{}: nothing done, as asked", answer.branch)?,
    }
    Ok(())
}
