//! The commits of the lines that set something.

use std::collections::BTreeMap;

use krm::{Pos, SourceId};

use crate::git::{Blamed, Git, GitError};
use crate::objects::Output;

/// What git says about the lines.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Whether git knows the files at all.
    pub(super) known: bool,
    /// What could not be found out.
    pub(super) notes: Vec<String>,
    files: BTreeMap<SourceId, BTreeMap<u32, Blamed>>,
}

impl History {
    /// Asks git, a file at a time.
    pub(super) fn of(output: &Output, places: impl Iterator<Item = Pos>) -> Self {
        let mut history = Self::default();
        let mut ranges: BTreeMap<SourceId, (u32, u32)> = BTreeMap::new();
        for Pos { source, line } in places.filter(|pos| pos.line > 0) {
            let (first, last) = ranges.entry(source).or_insert((line, line));
            (*first, *last) = (line.min(*first), line.max(*last));
        }
        for (source, (first, last)) in ranges {
            let Some(file) = output.rendered.source(source) else {
                continue;
            };
            match output.blame(file, first..=last) {
                Ok(lines) => {
                    history.known = true;
                    history.files.insert(source, lines);
                }
                Err(error) if is_no_clone(&error) => {
                    history.notes = vec!["no commits are told: this is no clone".to_owned()];
                    return history;
                }
                Err(error) => {
                    let file = output.name(file);
                    history
                        .notes
                        .push(format!("no commits of {file} are told: {error}"));
                }
            }
        }
        if history.known && is_shallow() {
            let text = "the clone is shallow: what is older than it is told as its oldest commit";
            history.notes.push(text.to_owned());
        }
        history
    }

    /// The commit that wrote the line.
    pub(super) fn commit(&self, pos: Pos) -> Option<&Blamed> {
        self.files.get(&pos.source)?.get(&pos.line)
    }
}

fn is_no_clone(error: &GitError) -> bool {
    match error {
        GitError::Start(_) => false,
        GitError::Failed { told, .. } => told.contains("not a git repository"),
    }
}

fn is_shallow() -> bool {
    let told = Git::at(".").run(&["rev-parse", "--is-shallow-repository"]);
    told.is_ok_and(|told| told == "true")
}
