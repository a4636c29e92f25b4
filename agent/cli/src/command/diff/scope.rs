//! What is compared with what: the overlay on one side, the target and what was made there on the other.

use std::path::PathBuf;

use api::names;
use api::v1alpha1::{Environment, Inventory, InventoryEntry};
use daemon::FieldRules;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};
use render::Options;

use super::rollout;
use crate::args::Diff;
use crate::connect::Link;
use crate::environments;
use crate::error::{Explain, Failure};
use crate::git::Git;
use crate::objects::{self, Object, ObjectsError};

/// The two sides.
#[derive(Debug)]
pub(super) struct Scope {
    /// The overlay on disk, or in the repo where a revision is read.
    pub(super) overlay: Overlay,
    /// Namespace of objects that name none.
    pub(super) namespace: String,
    /// The value of the environment label; none if no Environment is known, and then the label does not count.
    pub(super) label: Option<String>,
    /// What the agent has made, and would delete if it left git.
    pub(super) made: Vec<InventoryEntry>,
    /// What the Environment says about single fields.
    pub(super) fields: FieldRules,
    /// True while a new revision stands beside the old one.
    pub(super) on_its_way: bool,
    /// What the user should know about the answer.
    pub(super) notes: Vec<String>,
}

/// Where the overlay is.
#[derive(Debug)]
pub(super) enum Overlay {
    /// A directory.
    Disk(PathBuf),
    /// A path at a revision.
    Revision {
        /// Branch, tag or commit.
        revision: String,
        /// From the root of the repo.
        path: String,
    },
}

/// The flags do not go together.
#[derive(Debug, thiserror::Error)]
#[error("Environment `{0}` goes to another cluster, or acts as a service account")]
struct OtherTarget(String);

impl Explain for OtherTarget {}

/// What the Environment says about single fields cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("Environment `{0}` says something about fields that cannot be: {1}")]
struct BadRules(String, String);

impl Explain for BadRules {}

/// Finds both.
pub(super) async fn resolve(args: &Diff, link: &Link) -> Result<Scope, Failure> {
    let Some(name) = &args.name else {
        let path = args.path.clone().unwrap_or_else(|| PathBuf::from("."));
        return Ok(Scope {
            overlay: overlay(args, path),
            namespace: link.namespace.clone(),
            label: None,
            made: Vec::new(),
            fields: FieldRules::default(),
            on_its_way: false,
            notes: vec!["name the Environment to see deletions, too".to_owned()],
        });
    };
    let environment = environments::get(link, name).await?;
    if environment.spec.target.kube_config.is_some() {
        return Err(OtherTarget(name.clone()).into());
    }
    let made = match environment.spec.prune {
        true => inventory(&environment, link).await,
        false => Ok(Vec::new()),
    };
    let path = args
        .path
        .clone()
        .unwrap_or_else(|| root(args).join(&environment.spec.source.path));
    let namespace = environment
        .namespace()
        .unwrap_or_else(|| link.namespace.clone());
    let fields = FieldRules::read(&environment.spec);
    Ok(Scope {
        overlay: overlay(args, path),
        fields: fields.map_err(|fault| BadRules(name.clone(), fault))?,
        label: Some(names::environment_label(&namespace, name)),
        namespace: environment
            .spec
            .target
            .namespace
            .clone()
            .unwrap_or(namespace),
        on_its_way: rollout::is_on_its_way(&environment),
        notes: made
            .as_ref()
            .err()
            .map(|error| format!("deletions are not known: {error}"))
            .into_iter()
            .chain(rollout::note(&environment))
            .collect(),
        made: made.unwrap_or_default(),
    })
}

/// Renders the overlay.
pub(super) fn objects(args: &Diff, scope: &Scope) -> Result<Vec<Object>, ObjectsError> {
    match &scope.overlay {
        Overlay::Disk(directory) => objects::on_disk(directory, &Options::default())?,
        Overlay::Revision { revision, path } => objects::at_revision(&args.dir, revision, path)?,
    }
    .objects()
}

fn overlay(args: &Diff, path: PathBuf) -> Overlay {
    match &args.branch {
        None => Overlay::Disk(path),
        Some(revision) => Overlay::Revision {
            revision: revision.clone(),
            path: path
                .strip_prefix(root(args))
                .unwrap_or(&path)
                .display()
                .to_string(),
        },
    }
}

/// The root of the clone, or the directory itself where there is no clone.
fn root(args: &Diff) -> PathBuf {
    Git::at(&args.dir)
        .run(&["rev-parse", "--show-toplevel"])
        .map_or_else(|_| args.dir.clone(), PathBuf::from)
}

/// Inventories live in the agent's namespace, whichever that is.
async fn inventory(
    environment: &Environment,
    link: &Link,
) -> Result<Vec<InventoryEntry>, kube::Error> {
    let all: Api<Inventory> = Api::all(link.client.clone());
    let uid = environment.uid().unwrap_or_default();
    let shards = all.list(&ListParams::default()).await?.items;
    Ok(shards
        .into_iter()
        .filter(|shard| shard.spec.owner.uid == uid)
        .flat_map(|shard| shard.spec.entries)
        .collect())
}
