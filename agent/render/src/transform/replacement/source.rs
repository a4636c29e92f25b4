//! The value a replacement takes from an object, or the part of it between delimiters.

use krm::{Kind, Node};

use super::DEFAULT_FIELD;
use crate::{
    field_path::{self, Way},
    model::{FieldOptions, Selector, SourceSelector},
    problem::Problem,
    resource::{DEFAULT_NAMESPACE, Id, Resource},
    set::ObjectSet,
};

/// A value on its way to the targets. What is taken whole from an object is that object's own value: where it is
/// itself among the targets, those that follow get what became of it.
pub(super) struct Value {
    node: Node,
    /// The object's number and the place in it.
    home: Option<(usize, Way)>,
}

/// A value as one object sees it.
pub(super) struct Seen<'v> {
    pub(super) node: &'v mut Node,
    /// The place it is from, if that is in this object.
    pub(super) home: Option<&'v Way>,
}

impl Value {
    /// A value that belongs to no object.
    pub(super) fn fixed(node: Node) -> Self {
        Self { node, home: None }
    }

    /// About how much memory a copy takes.
    pub(super) fn weight(&self) -> usize {
        weight(&self.node)
    }

    /// The value as the object of this number sees it.
    pub(super) fn seen_from(&mut self, object: usize) -> Seen<'_> {
        let home = self.home.as_ref().filter(|(number, _)| *number == object);
        Seen {
            node: &mut self.node,
            home: home.map(|(_, way)| way),
        }
    }
}

fn weight(node: &Node) -> usize {
    krm::yaml::NODE_WEIGHT
        + match &node.kind {
            krm::Kind::Scalar(scalar) => scalar.text.len(),
            krm::Kind::Seq(items) => items.iter().map(weight).sum(),
            krm::Kind::Map(map) => map
                .iter()
                .map(|entry| entry.key.len() + weight(&entry.value))
                .sum(),
        }
}

/// The value a source names.
pub(super) fn value_of(source: &SourceSelector, objects: &ObjectSet) -> Result<Value, Problem> {
    let selector = &source.selector;
    let mut found = objects
        .iter()
        .enumerate()
        .filter(|(_, object)| is_source(object, selector));
    let described = describe(selector);
    let (number, object) = match (found.next(), found.next()) {
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
    let found = field_path::way_to(&object.node, &field_path::split(path))
        .map_err(|error| Problem::at(pos, format!("cannot follow `{path}`: {error}")))?;
    let (way, value) = found.filter(|(_, node)| !is_empty(node)).ok_or_else(|| {
        let text = format!("the source {described} has no field `{path}`");
        Problem::at(pos, text)
    })?;
    let options = source.options.as_ref();
    match options.filter(|options| !options.delimiter.is_empty()) {
        Some(options) => part_of(value, options).map(Value::fixed),
        None => Ok(Value {
            node: value.clone(),
            home: Some((number, way)),
        }),
    }
}

/// The part between two delimiters.
fn part_of(value: &Node, options: &FieldOptions) -> Result<Node, Problem> {
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
        scalar.set_text(part.to_owned());
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
