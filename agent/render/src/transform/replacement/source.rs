//! The value a replacement takes from an object, or the part of it between delimiters.

use krm::{Kind, Node};

use super::DEFAULT_FIELD;
use crate::{
    field_path,
    model::{FieldOptions, Selector, SourceSelector},
    problem::Problem,
    resource::{DEFAULT_NAMESPACE, Id, Resource},
    set::ObjectSet,
};

/// The value a source names.
pub(super) fn value_of(source: &SourceSelector, objects: &ObjectSet) -> Result<Node, Problem> {
    let selector = &source.selector;
    let mut found = objects.iter().filter(|object| is_source(object, selector));
    let described = describe(selector);
    let object = match (found.next(), found.next()) {
        (Some(only), None) => only,
        (None, _) => {
            let text = format!("no object is the source {described}");
            return Err(Problem::at(selector.pos, text));
        }
        _ => {
            let text = format!("more than one object is the source {described}");
            return Err(Problem::at(selector.pos, text)
                .hint("name kind, name and namespace so that only one is left"));
        }
    };
    let path = source
        .field_path
        .as_ref()
        .map_or(DEFAULT_FIELD, |path| &path.value);
    let pos = source
        .field_path
        .as_ref()
        .map_or(selector.pos, |path| path.pos);
    let found = field_path::lookup(&object.node, &field_path::split(path))
        .map_err(|error| Problem::at(pos, format!("cannot follow `{path}`: {error}")))?;
    let value = found.filter(|node| !is_empty(node)).ok_or_else(|| {
        let text = format!("the source {described} has no field `{path}`");
        Problem::at(pos, text)
    })?;
    part_of(value, source.options.as_ref())
}

/// The part between two delimiters, if the options ask for one.
fn part_of(value: &Node, options: Option<&FieldOptions>) -> Result<Node, Problem> {
    let Some(options) = options.filter(|options| !options.delimiter.is_empty()) else {
        return Ok(value.clone());
    };
    let Some(text) = value.text() else {
        return Err(needs_scalar(options));
    };
    let index = usize::try_from(options.index).ok();
    let Some(part) = index.and_then(|index| text.split(&options.delimiter).nth(index)) else {
        let text = format!(
            "index {} is out of bounds for the value of the source",
            options.index
        );
        return Err(Problem::at(options.pos, text));
    };
    let mut value = value.clone();
    if let Some(scalar) = value.as_scalar_mut() {
        part.clone_into(&mut scalar.text);
    }
    Ok(value)
}

fn needs_scalar(options: &FieldOptions) -> Problem {
    Problem::at(
        options.pos,
        "a delimiter can only be used with text, a number or true and false, not with a map or list",
    )
}

/// Names are plain here, and a namespace that is not said counts as `default`.
fn is_source(object: &Resource, selector: &Selector) -> bool {
    let (group, version) = object.group_version();
    let now = Id {
        group,
        version,
        kind: object.node.object_kind(),
        name: object.node.name(),
        namespace: object.node.namespace(),
    };
    [now].into_iter().chain(object.former_ids()).any(|id| {
        let fits = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        let known = |namespace: &str| match namespace {
            "" => DEFAULT_NAMESPACE.to_owned(),
            namespace => namespace.to_owned(),
        };
        fits(&selector.group, id.group)
            && fits(&selector.version, id.version)
            && fits(&selector.kind, id.kind)
            && fits(&selector.name, id.name)
            && (selector.namespace.is_empty() || selector.namespace == known(id.namespace))
    })
}

fn describe(selector: &Selector) -> String {
    let words = [
        ("kind", &selector.kind),
        ("name", &selector.name),
        ("namespace", &selector.namespace),
        ("group", &selector.group),
        ("version", &selector.version),
    ];
    let said: Vec<_> = words
        .iter()
        .filter(|(_, word)| !word.is_empty())
        .map(|(name, word)| format!("{name}: {word}"))
        .collect();
    format!("{{{}}}", said.join(", "))
}

fn is_empty(node: &Node) -> bool {
    match &node.kind {
        Kind::Map(map) => map.is_empty(),
        Kind::Seq(items) => items.is_empty(),
        Kind::Scalar(_) => node.is_null(),
    }
}
