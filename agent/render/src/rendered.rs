//! What a render gives back.

use std::collections::BTreeSet;

use krm::{Kind, Node, ObjectId, Pos, SourceId, Style, Tag, yaml};

use crate::{
    Fault, RenderError, TreePath, origin::Trace, problem::Problem, resource::Resource, scalar,
};

/// The objects of a kustomization tree, in order, and what they were made of.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The objects. Every value in them knows the line that set it.
    pub objects: Vec<Object>,
    /// What kustomize would say on standard error, a line each.
    pub warnings: Vec<String>,
    /// The files that were read; a [`SourceId`] is an index into them.
    pub sources: Vec<TreePath>,
    /// Every file that was read or looked for in vain. A change of the tree that adds, removes or changes none
    /// of them renders the same.
    pub reads: BTreeSet<TreePath>,
}

/// One object.
#[derive(Clone, Debug)]
pub struct Object {
    /// What it is called.
    pub id: ObjectId,
    /// Its content.
    pub node: Node,
}

impl Rendered {
    /// The bytes that `kustomize build` prints.
    pub fn to_yaml(&self) -> Result<String, RenderError> {
        yaml::write(self.objects.iter().map(|object| &object.node)).map_err(|error| {
            let fault = Fault {
                file: self.source(error.pos.source).cloned(),
                line: error.pos.line,
                message: error.problem.to_string(),
                hint: None,
            };
            RenderError {
                faults: vec![fault],
            }
        })
    }

    /// The file a value was written in.
    pub fn source(&self, id: SourceId) -> Option<&TreePath> {
        self.sources.get(usize::try_from(id.0).ok()?)
    }
}

/// Which annotations about the render itself the output shows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) origins: bool,
    pub(crate) transformations: bool,
}

/// Annotations that only speak to kustomize; they never reach the output.
const INTERNAL: [&str; 19] = [
    "internal.config.kubernetes.io/previousKinds",
    "internal.config.kubernetes.io/previousNames",
    "internal.config.kubernetes.io/prefixes",
    "internal.config.kubernetes.io/suffixes",
    "internal.config.kubernetes.io/previousNamespaces",
    "internal.config.kubernetes.io/allowNameChange",
    "internal.config.kubernetes.io/allowKindChange",
    "internal.config.kubernetes.io/refBy",
    "internal.config.kubernetes.io/generatorBehavior",
    "internal.config.kubernetes.io/needsHashSuffix",
    "internal.config.kubernetes.io/path",
    "internal.config.kubernetes.io/index",
    "internal.config.kubernetes.io/seqindent",
    "config.k8s.io/id",
    "internal.config.kubernetes.io/id",
    "internal.config.kubernetes.io/annotations-migration-resource-id",
    "config.kubernetes.io/path",
    "config.kubernetes.io/index",
    "internal.config.kubernetes.io/helm-generated",
];

const ORIGIN: &str = "config.kubernetes.io/origin";
const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";

impl Object {
    pub(crate) fn new(resource: Resource, shown: Shown) -> Result<Self, Problem> {
        let Resource {
            mut node, trace, ..
        } = resource;
        annotate(&mut node, &trace, shown)?;
        check_keys(&node)?;
        Ok(Self {
            id: node.object_id(),
            node,
        })
    }
}

/// Brings the annotations into the form that kustomize leaves them in: all values text, none internal.
fn annotate(object: &mut Node, trace: &Trace, shown: Shown) -> Result<(), Problem> {
    if shown.origins
        && let Some(origin) = &trace.origin
    {
        object.set_annotation(ORIGIN, &origin.text(), Pos::default());
    }
    if shown.transformations && !trace.transformations.is_empty() {
        let text = trace.transformations_text();
        object.set_annotation(TRANSFORMATIONS, &text, Pos::default());
    }
    let Some(metadata) = object.get_mut("metadata").and_then(Node::as_map_mut) else {
        return Ok(());
    };
    let Some(annotations) = metadata.get_mut("annotations") else {
        return Ok(());
    };
    let all_shown = shown.origins && shown.transformations;
    let Kind::Map(map) = &mut annotations.kind else {
        if !all_shown {
            metadata.remove("annotations");
        }
        return Ok(());
    };
    let was_empty = map.is_empty();
    map.retain(|entry| match entry.key.as_str() {
        ORIGIN => shown.origins,
        TRANSFORMATIONS => shown.transformations,
        key => !INTERNAL.contains(&key),
    });
    for entry in map.iter_mut() {
        scalar::check_key(&entry.key, entry.value.pos)?;
        make_text(&mut entry.value);
    }
    if map.is_empty() && !(was_empty && all_shown) {
        metadata.remove("annotations");
    }
    Ok(())
}

/// That no key is a number or the like, which has no place in what is printed.
fn check_keys(node: &Node) -> Result<(), Problem> {
    match &node.kind {
        Kind::Scalar(_) => Ok(()),
        Kind::Seq(items) => items.iter().try_for_each(check_keys),
        Kind::Map(map) => map
            .iter()
            .try_for_each(|entry| match entry.value.has_typed_key() {
                true => Err(Problem::at(
                    entry.value.pos,
                    format!("the key `{}` must be a string", entry.key),
                )
                .hint("quote it")),
                false => check_keys(&entry.value),
            }),
    }
}

fn make_text(value: &mut Node) {
    match &mut value.kind {
        Kind::Scalar(scalar) if scalar.tag == Tag::Str => {}
        Kind::Scalar(scalar) => {
            scalar.set_tag(Tag::Str);
            scalar.style = Style::Plain;
        }
        _ => value.kind = Node::string("", value.pos).kind,
    }
}
