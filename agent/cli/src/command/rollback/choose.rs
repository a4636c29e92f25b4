//! Which Release was good, and which files concern it.

use std::collections::BTreeSet;

use api::v1alpha1::Release;
use render::{Options, TreePath};

use crate::error::{Exit, Explain};
use crate::git::{self, GitError, Repo};
use crate::releases;

/// There is nothing to go back to.
#[derive(Debug, thiserror::Error)]
#[error("Environment `{0}` has no earlier healthy Release")]
pub(super) struct ChooseError(String);

impl Explain for ChooseError {
    fn hint(&self) -> Option<String> {
        Some(format!(
            "choose one from `driftless history {}` with `--to`",
            self.0
        ))
    }

    fn exit(&self) -> Exit {
        Exit::Difference
    }
}

/// The newest healthy Release of another revision than the newest. `all` is newest first.
pub(super) fn last_good<'a>(name: &str, all: &'a [Release]) -> Result<&'a Release, ChooseError> {
    let current = all.first().map(|release| release.spec.revision.as_str());
    all.iter()
        .find(|release| {
            Some(release.spec.revision.as_str()) != current && releases::healthy(release)
        })
        .ok_or_else(|| ChooseError(name.to_owned()))
}

/// The files that a render of `path` reads at any of `commits`. `None` if one of them cannot be rendered: then
/// nobody can say which files concern it.
pub(super) fn reads(
    repo: &Repo,
    commits: &[&str],
    path: &str,
) -> Result<Option<BTreeSet<String>>, GitError> {
    let Some(path) = TreePath::parse(path) else {
        return Ok(None);
    };
    let mut files = BTreeSet::new();
    for commit in commits {
        let tree = git::tree(&repo.git, commit)?;
        match render::render(&tree, &path, &Options::default()) {
            Ok(rendered) => files.extend(rendered.reads.iter().map(ToString::to_string)),
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(files))
}
