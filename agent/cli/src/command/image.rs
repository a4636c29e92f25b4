//! `driftless image set`: what CI does, and all it does.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::args::ImageSet;
use crate::context::Context;
use crate::error::{Exit, Explain, Failure};
use crate::git::{Message, Repo};
use crate::image::commit::{Target, commit};
use crate::image::{EditError, FILE_NAMES, Request, edit};
use crate::term::{short, style, unified};

/// The answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// The kustomization.
    file: String,
    /// Whether its text had to change.
    changed: bool,
    /// The difference.
    diff: String,
    /// Images that had no entry and got one.
    added: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    pushed: bool,
    /// How often the edit was made; more than once if the branch moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
}

/// Why a file on disk was not edited.
#[derive(Debug, thiserror::Error)]
enum LocalError {
    #[error("no kustomization.yaml in `{0}`")]
    NoFile(PathBuf),
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    #[error("cannot write {0}")]
    Write(PathBuf, #[source] io::Error),
    #[error("cannot edit {0}")]
    Edit(PathBuf, #[source] EditError),
}

/// The author is not written as git writes it.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an author")]
struct BadAuthor(String);

impl Explain for LocalError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Edit(_, error) => error.hint(),
            _ => None,
        }
    }
}

impl Explain for BadAuthor {
    fn hint(&self) -> Option<String> {
        Some("write for example `--author 'CI <ci@example.com>'`".to_owned())
    }
}

/// Edits, and commits and pushes unless only files are wanted.
pub(super) fn run(args: &ImageSet, context: &Context) -> Result<Exit, Failure> {
    let requests = Request::parse_all(&args.images)?;
    let answer = match (&args.dir, &args.branch) {
        (Some(dir), _) => local(dir, &requests)?,
        (None, Some(branch)) => remote(args, branch, &requests)?,
        // The parser asks for one of both.
        (None, None) => return Ok(Exit::Error),
    };
    if !context.print(&answer)? {
        print(&answer, args, context)?;
    }
    Ok(Exit::Good)
}

fn local(dir: &Path, requests: &[Request]) -> Result<Answer, LocalError> {
    let file = FILE_NAMES
        .into_iter()
        .map(|name| dir.join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| LocalError::NoFile(dir.to_owned()))?;
    let before =
        std::fs::read_to_string(&file).map_err(|error| LocalError::Read(file.clone(), error))?;
    let edited = edit(&before, requests).map_err(|error| LocalError::Edit(file.clone(), error))?;
    if edited.text != before {
        std::fs::write(&file, &edited.text)
            .map_err(|error| LocalError::Write(file.clone(), error))?;
    }
    let name = file.display().to_string();
    Ok(Answer {
        changed: edited.text != before,
        diff: unified::text(&before, &edited.text, (&name, &name)),
        file: name,
        added: edited.added,
        branch: None,
        commit: None,
        pushed: false,
        attempts: None,
    })
}

fn remote(args: &ImageSet, branch: &str, requests: &[Request]) -> Result<Answer, Failure> {
    let repo = match &args.repo {
        Some(url) => Repo::temporary(url)?,
        None => Repo::open(&args.clone, &args.remote)?,
    };
    let path = args
        .path
        .clone()
        .unwrap_or_else(|| format!("overlays/{branch}"));
    let text = args
        .message
        .clone()
        .unwrap_or_else(|| message(&path, requests));
    let author = args.author.as_deref().map(author).transpose()?;
    let target = Target {
        branch,
        path: &path,
        message: Message {
            text: &text,
            author,
        },
        push: !args.no_push,
    };
    let done = commit(&repo, &target, requests)?;
    let names = (format!("a/{}", done.file), format!("b/{}", done.file));
    Ok(Answer {
        changed: done.edited.text != done.before,
        diff: unified::text(&done.before, &done.edited.text, (&names.0, &names.1)),
        file: done.file,
        added: done.edited.added,
        branch: Some(branch.to_owned()),
        attempts: Some(done.attempts),
        pushed: !args.no_push && done.commit.is_some(),
        // What is made in a temporary repository and not pushed is gone with it.
        commit: done
            .commit
            .filter(|_| !(args.no_push && repo.is_temporary())),
    })
}

/// `overlays/develop: set shop-api=6.8.1`
fn message(path: &str, requests: &[Request]) -> String {
    let images: Vec<String> = requests.iter().map(ToString::to_string).collect();
    format!("{path}: set {}", images.join(", "))
}

/// Name and mail.
fn author(text: &str) -> Result<(&str, &str), BadAuthor> {
    let wrong = || BadAuthor(text.to_owned());
    let (name, rest) = text.split_once('<').ok_or_else(wrong)?;
    let mail = rest.trim_end().strip_suffix('>').ok_or_else(wrong)?;
    match name.trim().is_empty() || mail.is_empty() {
        true => Err(wrong()),
        false => Ok((name.trim(), mail)),
    }
}

fn print(answer: &Answer, args: &ImageSet, context: &Context) -> Result<(), Failure> {
    let mut out = context.out();
    unified::write(&mut out, &answer.diff)?;
    out.flush()?;
    let mut talk = context.talk();
    let note = style::WAIT;
    for name in &answer.added {
        writeln!(
            talk,
            "{note}note:{note:#} image `{name}` had no entry; added one"
        )?;
    }
    let place = answer.branch.as_deref().unwrap_or(&answer.file);
    match (&answer.commit, answer.pushed) {
        _ if !answer.changed => writeln!(talk, "{place}: already set, nothing to do")?,
        (Some(commit), true) => writeln!(talk, "{place}: pushed {}", short(commit))?,
        (Some(commit), false) => writeln!(
            talk,
            "{place}: committed {}; push it with `git push {} {commit}:refs/heads/{place}`",
            short(commit),
            args.remote
        )?,
        (None, _) if answer.branch.is_some() => writeln!(talk, "{place}: not pushed, as asked")?,
        (None, _) => writeln!(talk, "{place}: edited")?,
    }
    Ok(())
}
