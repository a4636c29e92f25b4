//! Arguments of the commands that read or write a config repo.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Arguments of `render`.
#[derive(Debug, Args)]
pub(crate) struct Render {
    /// Directory with a kustomization.yaml
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Order of the objects
    #[arg(long, value_enum, value_name = "ORDER")]
    pub(crate) reorder: Option<Reorder>,
    /// Whether files outside a kustomization's directory may be read
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "RULE",
        ignore_case = true
    )]
    pub(crate) load_restrictor: LoadRestrictor,
    /// Add the label app.kubernetes.io/managed-by, as kustomize does with this flag
    #[arg(long)]
    pub(crate) enable_managedby_label: bool,
}

/// Order of the rendered objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reorder {
    /// As they come.
    None,
    /// By kind, as old versions of kustomize did.
    Legacy,
}

/// Which files a kustomization may read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LoadRestrictor {
    /// Only those below its directory.
    #[default]
    #[value(name = "LoadRestrictionsRootOnly")]
    RootOnly,
    /// All of the tree.
    #[value(name = "LoadRestrictionsNone")]
    None,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exits with 1 if there is a difference. Values of Secrets are never printed."
)]
pub(crate) struct Diff {
    /// The Environment whose target is compared; also shows what would be deleted
    #[arg(value_name = "ENV")]
    pub(crate) name: Option<String>,
    /// The overlay. Default: the Environment's, or `.`
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// The clone or directory to read. Default: `.`
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Read this branch or commit of the clone instead of its files on disk
    #[arg(long, value_name = "REVISION")]
    pub(crate) branch: Option<String>,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  driftless explain Deployment/web --path overlays/develop
  driftless explain deployment/web spec.replicas --path overlays/develop
  driftless explain Deployment/shop/web 'spec.template.spec.containers[name=web].image'

Values of Secrets are never printed.")]
pub(crate) struct Explain {
    /// The object: KIND/NAME, or KIND/NAMESPACE/NAME; the kind in any case
    #[arg(value_name = "OBJECT")]
    pub(crate) object: String,
    /// Only this field and those below it. Items of lists are `[name=web]` or `[0]`
    #[arg(value_name = "FIELD")]
    pub(crate) field: Option<String>,
    /// The overlay, from where you stand
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) path: PathBuf,
    /// Read this branch or commit of the clone instead of its files on disk
    #[arg(long, value_name = "REVISION")]
    pub(crate) branch: Option<String>,
}

/// Arguments of `rollback`.
#[derive(Debug, Args)]
#[command(
    after_help = "The reverts are made in a temporary clone with your own git and credentials, and pushed at once or not at all."
)]
pub(crate) struct Rollback {
    /// The Environment
    #[arg(value_name = "ENV")]
    pub(crate) name: String,
    /// The Release to go back to: its number or name. Default: the last healthy one before this
    #[arg(long, value_name = "RELEASE")]
    pub(crate) to: Option<String>,
    /// Only tell which commits would be reverted
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Address of the config repo where yours differs from the Environment's
    #[arg(long, value_name = "URL")]
    pub(crate) repo: Option<String>,
}

/// The commands under `image`.
#[derive(Debug, Subcommand)]
pub(crate) enum Image {
    /// Set the tag or digest of images in an overlay, commit and push
    ///
    /// Touches nothing but the value: comments, order, quotes and line ends stay. If the branch moved meanwhile,
    /// the edit is made again on its new tip.
    Set(ImageSet),
}

/// Arguments of `image set`.
#[derive(Debug, Args)]
#[command(after_help = "\
Images:
  NAME=TAG                 newTag
  NAME=REPO:TAG            newName and newTag
  NAME@sha256:…            digest
  NAME=REPO@sha256:…       newName and digest
  NAME=TAG@sha256:…        newTag and digest

Examples:
  driftless image set shop-api=6.8.1 --branch develop
  driftless image set shop-api=6.8.1 --branch main --path overlays/develop --repo https://git.example.com/shop/config.git
  driftless image set shop-api=6.8.1 --dir overlays/develop")]
pub(crate) struct ImageSet {
    /// The image as the overlay names it, and what to set
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
    /// The branch to commit to
    #[arg(short, long, value_name = "BRANCH", required_unless_present = "dir")]
    pub(crate) branch: Option<String>,
    /// The overlay, from the root of the repo. Default: overlays/BRANCH
    #[arg(short, long, value_name = "DIR")]
    pub(crate) path: Option<String>,
    /// Only edit the kustomization in this directory; no git
    #[arg(long, value_name = "DIR", conflicts_with_all = ["branch", "path", "repo", "clone"])]
    pub(crate) dir: Option<PathBuf>,
    /// Address of the config repo; it is cloned for the moment
    #[arg(long, value_name = "URL", conflicts_with = "clone")]
    pub(crate) repo: Option<String>,
    /// A clone of the config repo, for its remote and credentials; its files and branches are left alone
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) clone: PathBuf,
    /// The clone's remote
    #[arg(long, value_name = "NAME", default_value = "origin")]
    pub(crate) remote: String,
    /// Message of the commit
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) message: Option<String>,
    /// Author and committer. Default: from git's configuration
    #[arg(long, value_name = "NAME <MAIL>")]
    pub(crate) author: Option<String>,
    /// Push the commit; this is the default
    #[arg(long, overrides_with = "no_push")]
    pub(crate) push: bool,
    /// Show the change and make the commit, but push nothing
    #[arg(long, overrides_with = "push")]
    pub(crate) no_push: bool,
}
