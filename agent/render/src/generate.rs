//! What `configMapGenerator`, `secretGenerator` and generators given as configuration make.

mod config_map;
mod iam;
mod pairs;
mod secret;

pub(crate) use iam::IamSpec;
pub(crate) use pairs::base64;

use krm::{Map, Node, Pos, Style, Tag};

use crate::{
    model::{GeneratorOptions, GeneratorSpec},
    problem::{Outcome, Problem},
    resource::Resource,
    scalar,
    session::Files,
};

/// One generator and what it is told.
#[derive(Clone, Debug)]
pub(crate) enum Generator {
    /// A `ConfigMap` of literals and files.
    ConfigMap(GeneratorSpec),
    /// A Secret of literals and files.
    Secret(GeneratorSpec),
    /// A service account bound to one of a cloud.
    Iam(IamSpec),
}

impl Generator {
    /// Makes the object.
    pub(crate) fn run(&self, files: &Files<'_>) -> Outcome<Resource> {
        match self {
            Self::ConfigMap(spec) => config_map::make(spec, files),
            Self::Secret(spec) => secret::make(spec, files),
            Self::Iam(spec) => Ok(iam::make(spec)),
        }
    }
}

/// The options of one generator with those of the whole layer. A layer's `true` wins over a generator's `false`.
pub(crate) fn with_layer_options(
    mut spec: GeneratorSpec,
    layer: Option<&GeneratorOptions>,
) -> GeneratorSpec {
    let Some(layer) = layer else { return spec };
    let own = spec.options.get_or_insert_default();
    let with = |own: &mut crate::model::Pairs, layer: &crate::model::Pairs| {
        for (key, value) in layer {
            own.entry(key.clone()).or_insert_with(|| value.clone());
        }
    };
    with(&mut own.labels, &layer.labels);
    with(&mut own.annotations, &layer.annotations);
    own.disable_name_suffix_hash |= layer.disable_name_suffix_hash;
    own.immutable = layer.immutable.or(own.immutable);
    spec
}

/// An object without data.
fn base(spec: &GeneratorSpec, kind: &str) -> Result<Resource, Problem> {
    let Some(name) = &spec.name else {
        let text = format!("a generated {kind} needs a name");
        return Err(Problem::at(spec.pos, text).hint("add `name:` to this entry"));
    };
    let mut map = Map::new();
    map.push("apiVersion", Node::string("v1", spec.pos));
    map.push("kind", Node::string(kind, spec.pos));
    let mut metadata = Map::new();
    metadata.push("name", string(&name.value, name.pos));
    if let Some(namespace) = &spec.namespace {
        metadata.push("namespace", string(&namespace.value, namespace.pos));
    }
    map.push("metadata", Node::map(metadata, spec.pos));
    let mut resource = Resource::new(Node::map(map, spec.pos));
    resource.behavior = spec.behavior;
    let no_hash = |options: &GeneratorOptions| options.disable_name_suffix_hash;
    resource.hash = (!spec.options.as_ref().is_some_and(no_hash)).then_some(name.pos);
    Ok(resource)
}

/// Adds what the options say.
fn finish(resource: &mut Resource, spec: &GeneratorSpec) -> Result<(), Problem> {
    let Some(options) = &spec.options else {
        return Ok(());
    };
    for (key, value) in &options.labels {
        scalar::check_key(key, value.pos)?;
        resource.node.set_label(key, &value.value, value.pos);
    }
    for (key, value) in &options.annotations {
        resource.node.set_annotation(key, &value.value, value.pos);
    }
    if let (Some(pos), Some(map)) = (options.immutable, resource.node.as_map_mut()) {
        let value = Node::scalar("true", Tag::Bool, Style::Plain, pos);
        map.set("immutable", value);
    }
    Ok(())
}

fn string(text: &str, pos: Pos) -> Node {
    Node::string(text, pos)
}

/// A value of data. Several lines are a block, so that a patch that writes a number over them writes text.
pub(crate) fn datum(text: &str, pos: Pos) -> Node {
    match text.contains('\n') {
        true => Node::scalar(text, Tag::Str, Style::Literal, pos),
        false => Node::string(text, pos),
    }
}
