//! Whether everything a commit needs is here.
//!
//! A server may leave objects out of a pack, by fault or on purpose. Such a commit must not count as fetched.

use std::collections::{BTreeSet, HashSet};

use gix::{ObjectId, objs::tree::EntryKind};

/// Directories found complete earlier; asked for, never listed.
#[derive(Default)]
pub(super) struct Complete(HashSet<ObjectId>);

/// More than this is forgotten and checked again; 32 bytes each.
const REMEMBERED: usize = 200_000;

impl Complete {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Fails unless every file of the tree of `id` is here and, if `known` commits are given, its history down to them.
pub(super) fn connected(
    repository: &gix::Repository,
    id: ObjectId,
    known: Option<&BTreeSet<ObjectId>>,
    complete: &mut Complete,
) -> Result<(), String> {
    let tree = repository
        .find_commit(id)
        .and_then(|commit| Ok(commit.tree_id()?.detach()));
    let tree = tree.map_err(|error| format!("commit {id} cannot be read: {error}"))?;
    if let Some(known) = known {
        history(repository, id, known)?;
    }
    files(repository, tree, complete)
}

fn history(
    repository: &gix::Repository,
    id: ObjectId,
    known: &BTreeSet<ObjectId>,
) -> Result<(), String> {
    let hole = |error: gix::Error| format!("the history of {id} has a hole: {error}");
    let walk = repository.rev_walk([id]).with_hidden(known.iter().copied());
    for commit in walk.all().map_err(hole)? {
        commit.map_err(hole)?;
    }
    Ok(())
}

fn files(
    repository: &gix::Repository,
    root: ObjectId,
    complete: &mut Complete,
) -> Result<(), String> {
    if complete.0.len() > REMEMBERED {
        complete.clear();
    }
    let mut seen = Vec::new();
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        if complete.0.contains(&id) {
            continue;
        }
        let tree = repository
            .find_tree(id)
            .map_err(|error| format!("directory {id}: {error}"))?;
        for entry in tree.iter() {
            let entry = entry.map_err(|error| format!("directory {id}: {error}"))?;
            match entry.mode().kind() {
                EntryKind::Tree => open.push(entry.object_id()),
                EntryKind::Commit => {}
                _ if repository.has_object(entry.object_id()) => {}
                _ => return Err(format!("file {} is missing", entry.object_id())),
            }
        }
        seen.push(id);
    }
    // Only now: a directory is complete when all below it is.
    complete.0.extend(seen);
    Ok(())
}
