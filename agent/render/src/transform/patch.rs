//! `patches`: strategic merge patches and JSON patches, told apart by what they look like.
//!
//! A patch with a target is for every object the target selects. A strategic merge patch without one is for the
//! one object that has, or once had, the id that stands in it.

mod apply;
mod read;

pub(super) use apply::{Hidden, json, strategic_selected};
pub(super) use read::{PatchText, json_operations, objects, text_of};

use krm::{Node, Pos, json6902::JsonPatch, schema::Schema};

use super::Context;
use crate::{
    model::{PatchOptions, PatchSpec},
    problem::{Outcome, Problem},
    resource::{Id, NO_NAMESPACE, is_cluster_scoped},
    selector::Matcher,
    set::ObjectSet,
};

/// A patch that has been read.
enum Patch {
    Strategic(Vec<Node>),
    Json(JsonPatch),
}

/// Applies one entry of `patches`.
pub(crate) fn apply(spec: &PatchSpec, objects: &mut ObjectSet, context: &Context<'_>) -> Outcome {
    let matcher = spec.target.as_ref().map(Matcher::new).transpose()?;
    let text = text_of(spec, context)?;
    match (read_patch(&text)?, matcher) {
        (Patch::Strategic(patches), None) => {
            for patch in &patches {
                let at = the_target_of(patch, objects, &context.schema)?;
                let patch = apply::with_options(patch, spec.options);
                let target = objects.get_mut(at);
                context.files.session.note_merge();
                apply::strategic(target, &patch, spec.options, &context.schema)?;
            }
        }
        (Patch::Strategic(patches), Some(matcher)) => {
            selected(&patches, (spec, &matcher), objects, context)?;
        }
        (Patch::Json(_), None) => return Err(no_target(spec.pos).into()),
        (Patch::Json(patch), Some(matcher)) => {
            for target in objects.iter_mut() {
                if matcher.matches(target, &context.schema) {
                    target.remember_id(&context.schema);
                    json(target, &patch, Hidden::Annotations)?;
                }
            }
        }
    }
    objects.drop_gone();
    Ok(())
}

/// Applies the one patch of an entry to everything its target selects.
fn selected(
    patches: &[Node],
    (spec, matcher): (&PatchSpec, &Matcher),
    objects: &mut ObjectSet,
    context: &Context<'_>,
) -> Outcome {
    let [patch] = patches else {
        return match patches.first() {
            None => Ok(()),
            Some(first) => Err(several(first.pos).into()),
        };
    };
    let targets: Vec<_> = objects
        .iter()
        .map(|target| matcher.matches(target, &context.schema))
        .collect();
    strategic_selected(patch, spec.options, (objects, &targets), context)
}

/// The one object that has, or once had, the id in `patch`.
pub(super) fn the_target_of(
    patch: &Node,
    objects: &mut ObjectSet,
    schema: &Schema,
) -> Result<usize, Problem> {
    let (group, version) = krm::split_api_version(patch.api_version());
    let cluster = is_cluster_scoped(schema, patch.api_version(), patch.object_kind());
    let id = Id {
        group,
        version,
        kind: patch.object_kind(),
        name: patch.name(),
        namespace: match patch.namespace() {
            _ if cluster => NO_NAMESPACE,
            "" => crate::resource::DEFAULT_NAMESPACE,
            namespace => namespace,
        },
    };
    match objects.find_any(id, schema) {
        [only] => Ok(*only),
        [] => Err(no_match(patch, id, objects)),
        several => Err(Problem::at(
            patch.pos,
            format!(
                "this patch could be for {} objects called {}",
                several.len(),
                id.describe()
            ),
        )
        .hint("add a `target` that selects one of them, or name its namespace in the patch")),
    }
}

fn no_match(patch: &Node, id: Id<'_>, objects: &ObjectSet) -> Problem {
    let similar = objects
        .iter()
        .find(|object| object.node.name() == id.name && object.node.object_kind() == id.kind);
    let hint = match similar {
        Some(other) if other.node.api_version() != patch.api_version() => format!(
            "there is one with `apiVersion: {}`; the patch must say the same",
            other.node.api_version()
        ),
        Some(other) => format!(
            "there is one in namespace `{}`; the patch must name the same namespace",
            match other.node.namespace() {
                "" => crate::resource::DEFAULT_NAMESPACE,
                namespace => namespace,
            }
        ),
        None => {
            "check kind, name and namespace, or use `target` to select by expression".to_owned()
        }
    };
    let text = format!("no object matches this patch for {}", id.describe());
    Problem::at(patch.pos, text).hint(hint)
}

fn no_target(pos: Pos) -> Problem {
    Problem::at(pos, "a JSON patch needs a `target`")
        .hint("add `target:` with the kind and name of the objects to patch")
}

fn several(pos: Pos) -> Problem {
    let text = "several strategic merge patches in one entry cannot share a `target`";
    Problem::at(pos, text).hint("make an entry of its own for each patch")
}

/// Reads a patch as whichever kind it is. Without any document it changes nothing.
fn read_patch(text: &PatchText<'_>) -> Outcome<Patch> {
    let strategic = objects(text);
    let json = json_operations(text);
    match (strategic, json) {
        (Ok(objects), Ok(patch)) if !objects.is_empty() && !patch.is_empty() => Err(Problem::at(
            text.start(),
            "this is both a strategic merge patch and a JSON patch",
        )
        .into()),
        (Ok(objects), _) => Ok(Patch::Strategic(objects)),
        (Err(_), Ok(patch)) => Ok(Patch::Json(patch)),
        (Err(strategic), Err(json)) => Err(match text.looks_like_list() {
            true => json.into(),
            false => strategic,
        }),
    }
}

impl PatchOptions {
    fn changes_ids(self) -> bool {
        self.allow_name_change || self.allow_kind_change
    }
}
