//! From a kustomization, on disk or in a commit, to objects as JSON.

use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use plan::desired::Origin;
use render::{DiskTree, FileTree, Options, RenderError, Rendered, TreePath};
use serde_json::Value;

use crate::error::Explain;
use crate::git::{self, Blamed, Git, GitError};

/// A rendered object, and where it is written.
pub(crate) type Object = (Value, Option<Origin>);

/// A render, and how its files are called.
pub(crate) struct Output {
    /// The render.
    pub(crate) rendered: Rendered,
    /// The directory that was rendered.
    pub(crate) path: TreePath,
    /// The files it was rendered from.
    pub(crate) tree: Box<dyn FileTree>,
    names: Names,
}

/// How files of a tree are called: as the user sees them from where he stands.
#[derive(Clone, Debug)]
enum Names {
    /// From the root of the repo, at a commit of the clone that this git sees.
    Repo(Git, String),
    /// From this directory.
    Disk(PathBuf),
}

/// The kustomization cannot be rendered; every fault is told, a line each.
#[derive(Debug, thiserror::Error)]
#[error("cannot render the kustomization\n{0}")]
pub(crate) struct Unrenderable(String);

/// Why there are no objects.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ObjectsError {
    /// The directory cannot be entered.
    #[error("cannot read directory {0}")]
    Directory(PathBuf, #[source] io::Error),
    /// A name that is not UTF-8, or a path out of the repo.
    #[error("`{0}` is not a path to read")]
    Path(String),
    /// The commit cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The kustomization is wrong.
    #[error(transparent)]
    Render(#[from] Unrenderable),
    /// A value has no JSON form.
    #[error("{at}: {message}")]
    Value {
        /// Where it is written.
        at: String,
        /// What is wrong.
        message: String,
    },
}

impl Explain for ObjectsError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            _ => None,
        }
    }
}

/// Renders the kustomization in `directory`.
pub(crate) fn on_disk(directory: &Path, options: &Options) -> Result<Output, ObjectsError> {
    let whole = directory
        .canonicalize()
        .map_err(|error| ObjectsError::Directory(directory.to_owned(), error))?;
    let path = whole
        .to_str()
        .and_then(TreePath::parse)
        .ok_or_else(|| ObjectsError::Path(directory.display().to_string()))?;
    let here = std::env::current_dir().unwrap_or_default();
    let names = Names::Disk(here.canonicalize().unwrap_or(here));
    let tree = DiskTree::new("/");
    let rendered = render::render(&tree, &path, options).map_err(|error| names.faults(&error))?;
    Ok(Output {
        rendered,
        path,
        tree: Box::new(tree),
        names,
    })
}

/// Renders the kustomization in `path` at `revision` of the clone in `directory`.
pub(crate) fn at_revision(
    directory: &Path,
    revision: &str,
    path: &str,
) -> Result<Output, ObjectsError> {
    let git = Git::at(directory);
    let name = format!("{revision}^{{commit}}");
    let commit = git.run(&["rev-parse", "--verify", "--end-of-options", &name])?;
    let tree = git::tree(&git, &commit)?;
    let path = TreePath::parse(path).ok_or_else(|| ObjectsError::Path(path.to_owned()))?;
    let names = Names::Repo(git, commit);
    let rendered =
        render::render(&tree, &path, &Options::default()).map_err(|error| names.faults(&error))?;
    Ok(Output {
        rendered,
        path,
        tree: Box::new(tree),
        names,
    })
}

impl Output {
    /// The bytes that `kustomize build` prints.
    pub(crate) fn yaml(&self) -> Result<String, Unrenderable> {
        self.rendered
            .to_yaml()
            .map_err(|error| self.names.faults(&error))
    }

    /// The objects as JSON.
    pub(crate) fn objects(&self) -> Result<Vec<Object>, ObjectsError> {
        let objects = &self.rendered.objects;
        objects
            .iter()
            .map(|object| {
                let origin = self.origin(object.node.pos);
                let value = krm::json::to_value(&object.node).map_err(|error| {
                    let at = self.origin(error.pos);
                    ObjectsError::Value {
                        at: at.map_or_else(|| object.id.to_string(), |at| at.to_string()),
                        message: error.problem.to_string(),
                    }
                })?;
                Ok((value, origin))
            })
            .collect()
    }

    /// What the user calls a file or directory of the tree.
    pub(crate) fn name(&self, path: &TreePath) -> String {
        self.names.name(path)
    }

    /// The commits that wrote these lines of `file` last. A line that is in no commit yet is absent.
    pub(crate) fn blame(
        &self,
        file: &TreePath,
        lines: RangeInclusive<u32>,
    ) -> Result<BTreeMap<u32, Blamed>, GitError> {
        match &self.names {
            Names::Repo(git, commit) => {
                // A bare clone has no top, and there paths start at the root wherever one stands.
                let top = git.run(&["rev-parse", "--show-toplevel"]);
                let git = top.map_or_else(|_| git.clone(), Git::at);
                git::blame(&git, Some(commit), file.as_str(), lines)
            }
            Names::Disk(_) => {
                let directory = Path::new("/").join(file.parent().as_str());
                git::blame(&Git::at(directory), None, file.name(), lines)
            }
        }
    }

    fn origin(&self, pos: krm::Pos) -> Option<Origin> {
        let file = self.rendered.source(pos.source)?;
        Some(Origin {
            file: self.names.name(file),
            line: pos.line,
        })
    }
}

impl Names {
    fn name(&self, file: &TreePath) -> String {
        match self {
            Self::Repo(..) => file.to_string(),
            Self::Disk(here) => seen_from(here, &Path::new("/").join(file.as_str())),
        }
    }

    fn faults(&self, error: &RenderError) -> Unrenderable {
        let lines: Vec<String> = error
            .faults
            .iter()
            .map(|fault| {
                let place = match (&fault.file, fault.line) {
                    (Some(file), 0) => format!("{}: ", self.name(file)),
                    (Some(file), line) => format!("{}:{line}: ", self.name(file)),
                    (None, _) => String::new(),
                };
                let hint = fault.hint.as_ref().map(|hint| format!("; {hint}"));
                format!("  {place}{}{}", fault.message, hint.unwrap_or_default())
            })
            .collect();
        Unrenderable(lines.join("\n"))
    }
}

/// What `file` is called by somebody who stands in `here`: in full if the two have only the root in common.
fn seen_from(here: &Path, file: &Path) -> String {
    let shared = here.ancestors().enumerate();
    let mut below =
        shared.filter_map(|(up, above)| Some((up, above, file.strip_prefix(above).ok()?)));
    match below.next() {
        Some((up, above, below)) if up == 0 || above.parent().is_some() => {
            let name = format!("{}{}", "../".repeat(up), below.display());
            match name.trim_end_matches('/') {
                "" => ".".to_owned(),
                name => name.to_owned(),
            }
        }
        _ => file.display().to_string(),
    }
}

impl Explain for Unrenderable {}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::seen_from;

    #[test]
    fn a_file_is_called_as_it_is_seen() {
        let called = |here, file| seen_from(Path::new(here), Path::new(file));
        assert_eq!(called("/shop", "/shop/base/web.yaml"), "base/web.yaml");
        assert_eq!(
            called("/shop/overlays/a", "/shop/base/web.yaml"),
            "../../base/web.yaml"
        );
        assert_eq!(
            called("/shop/overlays/a", "/other/web.yaml"),
            "/other/web.yaml"
        );
        assert_eq!(called("/", "/other/web.yaml"), "other/web.yaml");
        assert_eq!(called("/shop", "/shop"), ".");
        assert_eq!(called("/shop/base", "/shop"), "..");
    }
}
