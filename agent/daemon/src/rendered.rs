//! From a commit to objects: reads the snapshot, renders the overlay, remembers what was read.

use std::sync::Arc;

use api::v1alpha1::{CommitRecord, Failure};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use plan::desired::Origin;
use render::{Options, Rendered, TreePath};
use serde_json::Value;
use source::{Fingerprint, Mirror, Revision, Snapshot};

use crate::outcome::Head;

/// The objects of one revision, and what they were made from.
pub(crate) struct Rendering {
    pub(crate) revision: Revision,
    /// The directory that was rendered.
    pub(crate) path: TreePath,
    pub(crate) objects: Vec<(Value, Option<Origin>)>,
    pub(crate) memo: Arc<Memo>,
}

/// What a render was made from: another commit with the same fingerprint renders the same.
pub(crate) struct Memo {
    reads: Box<[TreePath]>,
    fingerprint: Fingerprint,
}

/// Why a revision has no objects. All faults are reported.
#[derive(Debug)]
pub(crate) struct RenderFault {
    /// In one sentence.
    pub(crate) message: String,
    /// Each of them, with file and line.
    pub(crate) failures: Vec<Failure>,
}

/// Renders `path` at `revision`.
pub(crate) fn render(
    mirror: &Mirror,
    revision: &Revision,
    path: &TreePath,
) -> Result<Rendering, RenderFault> {
    let snapshot = mirror
        .shared(revision)
        .map_err(|error| RenderFault::of(&error))?;
    let mut rendered = render::render(&*snapshot, path, &Options::default())
        .map_err(|error| RenderFault::from_render(&error))?;
    for warning in &rendered.warnings {
        tracing::debug!(%revision, %path, %warning, "the renderer warns");
    }
    let fingerprint = snapshot
        .fingerprint(&rendered.reads)
        .map_err(|error| RenderFault::of(&error))?;
    let objects = objects(&mut rendered)?;
    let reads = rendered.reads.into_iter().collect();
    Ok(Rendering {
        revision: *revision,
        path: path.clone(),
        objects,
        memo: Arc::new(Memo { reads, fingerprint }),
    })
}

/// Whether `revision` differs in anything that the render of `memo` has read. True if that cannot be told.
pub(crate) fn differs(mirror: &Mirror, revision: &Revision, memo: &Memo) -> bool {
    let other = mirror.shared(revision).ok();
    other.is_none_or(|other| memo.differs(&other))
}

impl Memo {
    /// The same of a revision that is open already.
    pub(crate) fn differs(&self, snapshot: &Snapshot) -> bool {
        snapshot.fingerprint(&self.reads).ok() != Some(self.fingerprint)
    }
}

/// What the commit says about itself; empty if it cannot be read.
pub(crate) fn head(mirror: &Mirror, revision: &Revision) -> Head {
    let commit = mirror.commit(revision).map(|commit| CommitRecord {
        author: commit.author,
        subject: commit.subject,
        time: jiff::Timestamp::from_second(commit.time).ok().map(Time),
    });
    Head {
        revision: *revision,
        commit: commit.unwrap_or_default(),
    }
}

/// Takes the objects out one by one: all of them twice is what a pass would need most memory for.
fn objects(rendered: &mut Rendered) -> Result<Vec<(Value, Option<Origin>)>, RenderFault> {
    let mut objects = Vec::with_capacity(rendered.objects.len());
    let mut failures = Vec::new();
    for object in std::mem::take(&mut rendered.objects) {
        let pos = object.node.pos;
        let origin = rendered.source(pos.source).filter(|_| pos.line > 0);
        let origin = origin.map(|file| Origin {
            file: file.to_string(),
            line: pos.line,
        });
        match krm::json::to_value(&object.node) {
            Ok(value) => objects.push((value, origin)),
            Err(error) => failures.push(Failure {
                object: None,
                at: origin.map(|origin| origin.to_string()),
                message: crate::chain::text(&error),
            }),
        }
    }
    match failures.first() {
        None => Ok(objects),
        Some(first) => Err(RenderFault {
            message: first.message.clone(),
            failures,
        }),
    }
}

/// `overlays/master/kustomization.yaml:7`
fn place(fault: &render::Fault) -> Option<String> {
    let file = fault.file.as_ref()?;
    Some(match fault.line {
        0 => file.to_string(),
        line => format!("{file}:{line}"),
    })
}

fn words(fault: &render::Fault) -> String {
    match &fault.hint {
        None => fault.message.clone(),
        Some(hint) => format!("{}; {hint}", fault.message),
    }
}

impl std::error::Error for RenderFault {}

impl std::fmt::Display for RenderFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl RenderFault {
    fn of(error: &dyn std::error::Error) -> Self {
        let message = crate::chain::text(error);
        let failure = Failure {
            object: None,
            at: None,
            message: message.clone(),
        };
        Self {
            message,
            failures: vec![failure],
        }
    }

    fn from_render(error: &render::RenderError) -> Self {
        let failures: Vec<_> = error
            .faults
            .iter()
            .map(|fault| Failure {
                object: None,
                at: place(fault),
                message: words(fault),
            })
            .collect();
        let message = match failures.as_slice() {
            [] => error.to_string(),
            [only] => crate::report::failure_sentence(only),
            [first, ..] => {
                let first = crate::report::failure_sentence(first);
                format!("{} problems; the first: {first}", failures.len())
            }
        };
        Self { message, failures }
    }
}
