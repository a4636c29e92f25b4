//! One patch, one object.

use std::borrow::Cow;

use krm::{
    Map, Node, Pos,
    json6902::JsonPatch,
    merge::{Merged, merge},
    schema::Schema,
};

use crate::{
    field_path::raw,
    model::PatchOptions,
    problem::{Outcome, Problem},
    resource::{HIDDEN, Resource},
    scalar,
    set::ObjectSet,
    shared::Shared,
    transform::Context,
};

/// Whether kustomize's own annotations are on the object while a JSON patch is applied. They never reach
/// the output, but `add /metadata/annotations/x` finds a map because of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hidden {
    Annotations,
    Nothing,
}

/// Merges `patch` into one object. Kind, name and namespace stay unless the options allow otherwise.
pub(crate) fn strategic(
    target: &mut Resource,
    patch: &Node,
    options: PatchOptions,
    schema: &Schema,
) -> Result<(), Problem> {
    let kept = Kept::of(&target.node);
    if options.changes_ids() {
        target.remember_id(schema);
    }
    let name = || target_name(&kept);
    match merge(&mut target.node, patch, schema) {
        Ok(Merged::Patched) => {}
        Ok(Merged::Deleted) => target.node = Node::null(patch.pos),
        Err(error) => {
            let text = format!("cannot patch {}: {error}", name());
            return Err(Problem::at(error.pos, text));
        }
    }
    if !target.is_gone() {
        kept.restore(&mut target.node, options);
        target.shared.sync_merged(&mut target.node);
    }
    Ok(())
}

/// The patch as kustomize has it once it has noted the options among its annotations: all of them are strings,
/// so that a null there does not delete.
pub(super) fn with_options(patch: &Node, options: PatchOptions) -> Cow<'_, Node> {
    if !options.changes_ids() {
        return Cow::Borrowed(patch);
    }
    let mut patch = patch.clone();
    plain_marks(&mut patch, "annotations");
    Cow::Owned(patch)
}

/// Merges `patch` into the objects for which `targets` holds, the way kustomize does it for a selection: the
/// patch takes the version of each, and its labels and annotations are plain strings, so that a null there
/// does not delete.
pub(crate) fn strategic_selected(
    patch: &Node,
    options: PatchOptions,
    (objects, targets): (&mut ObjectSet, &[bool]),
    context: &Context<'_>,
) -> Outcome {
    if !targets.contains(&true) {
        return Ok(());
    }
    let schema = &*context.schema;
    context.files.session.note_merge();
    let mut patch = patch.clone();
    plain_marks(&mut patch, "labels");
    plain_marks(&mut patch, "annotations");
    for (target, _) in objects
        .iter_mut()
        .zip(targets)
        .filter(|(_, wanted)| **wanted)
    {
        let version = target.node.get("apiVersion").cloned();
        if let Some(map) = patch.as_map_mut() {
            match &version {
                Some(version) => map.set("apiVersion", version.clone()),
                None => drop(map.remove("apiVersion")),
            }
        }
        strategic(target, &patch, options, schema)?;
        // Copying a version that is not there leaves a null behind.
        if let (None, false, Some(map)) = (version, target.is_gone(), target.node.as_map_mut()) {
            map.set("apiVersion", Node::null(patch.pos));
        }
    }
    objects.drop_gone();
    objects.check_unique(schema)
}

/// Applies the operations to one object. Its annotations come out as strings.
pub(crate) fn json(
    target: &mut Resource,
    patch: &JsonPatch,
    hidden: Hidden,
) -> Result<(), Problem> {
    let name = target_name(&Kept::of(&target.node));
    let pos = target.node.pos;
    if hidden == Hidden::Annotations {
        target.node.set_annotation(HIDDEN, "", pos);
    }
    patch.apply(&mut target.node).map_err(|error| {
        let text = format!("cannot patch {name}: {error}");
        Problem::at(error.pos, text)
    })?;
    target.node.map_entry("metadata", pos);
    plain_marks(&mut target.node, "annotations");
    target.node.remove_annotation(HIDDEN);
    // The way through JSON makes every value a thing of its own, with a type of its own.
    target.shared = Shared::default();
    Ok(())
}

/// Makes strings of all labels or annotations; an empty or odd map goes.
fn plain_marks(object: &mut Node, group: &str) {
    let Some(metadata) = object.get_mut("metadata").and_then(Node::as_map_mut) else {
        return;
    };
    let Some(marks) = metadata.get_mut(group).and_then(Node::as_map_mut) else {
        metadata.remove(group);
        return;
    };
    let mut entries: Vec<_> = std::mem::take(marks).into_iter().collect();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    for entry in &mut entries {
        let text = entry.value.text().unwrap_or_default().to_owned();
        entry.value = Node::string(text, entry.value.pos);
    }
    *marks = entries.into_iter().collect();
    if marks.is_empty() {
        metadata.remove(group);
    }
}

fn target_name(kept: &Kept) -> String {
    let text = |node: &Option<Node>| node.as_ref().and_then(Node::text).unwrap_or("?").to_owned();
    format!("{} {}", text(&kept.kind), text(&kept.name))
}

/// What a patch does not change.
struct Kept {
    version: Option<Node>,
    kind: Option<Node>,
    name: Option<Node>,
    namespace: Option<Node>,
}

impl Kept {
    fn of(object: &Node) -> Self {
        let at = |path: &[&str]| object.at(path).filter(|node| !node.is_null()).cloned();
        Self {
            version: at(&["apiVersion"]),
            kind: at(&["kind"]),
            name: at(&["metadata", "name"]),
            namespace: at(&["metadata", "namespace"]),
        }
    }

    fn restore(self, object: &mut Node, options: PatchOptions) {
        let pos = object.pos;
        // A patch says the version only to name its target: who reads the object should not be sent there.
        if let (Some(version), Some(now)) = (self.version, object.get_mut("apiVersion"))
            && *now == version
        {
            *now = version;
        }
        if !options.allow_kind_change
            && let (Some(map), Some(kind)) = (object.as_map_mut(), self.kind)
        {
            scalar::set_field(map, "kind", raw(&kind), kind.pos);
        }
        let Some(metadata) = metadata_of(object, pos) else {
            return;
        };
        if !options.allow_name_change
            && let Some(name) = self.name
        {
            scalar::set_field(metadata, "name", raw(&name), name.pos);
        }
        match self.namespace.filter(|node| node.text() != Some("")) {
            Some(space) => scalar::set_field(metadata, "namespace", raw(&space), space.pos),
            None => drop(metadata.remove("namespace")),
        }
    }
}

fn metadata_of(object: &mut Node, pos: Pos) -> Option<&mut Map> {
    object.map_entry("metadata", pos)
}
