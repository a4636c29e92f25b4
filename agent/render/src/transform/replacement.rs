//! `replacements`: one value, taken from a field of an object or written down, put into fields of others.

mod structured;
mod target;

use krm::{Kind, Node, Tag, yaml};

use super::Context;
use crate::{
    decode::{Decoder, Temper},
    field_path::{self, PathError, follow},
    model::{
        FieldOptions, ReplacementEntry, ReplacementSpec, Selector, SourceSelector, TargetSelector,
        Text, read,
    },
    problem::{Outcome, Problem},
    resource::{DEFAULT_NAMESPACE, Id, Resource},
    selector::Matcher,
    session::parse_settings,
    set::ObjectSet,
};
use target::{Create, Place};

/// The field that is meant where none is named.
const DEFAULT_FIELD: &str = "metadata.name";

/// Carries out all entries in order.
pub(crate) fn apply(
    entries: &[ReplacementEntry],
    objects: &mut ObjectSet,
    context: &Context<'_>,
) -> Outcome {
    let mut loaded = Vec::new();
    for entry in entries {
        load(entry, context, &mut loaded)?;
    }
    for replacement in &loaded {
        carry_out(replacement, objects, context)?;
    }
    objects.drop_gone();
    Ok(())
}

fn load(
    entry: &ReplacementEntry,
    context: &Context<'_>,
    loaded: &mut Vec<ReplacementSpec>,
) -> Outcome {
    let Some(path) = &entry.path else {
        loaded.push(entry.replacement.clone());
        return Ok(());
    };
    if entry.replacement.source.is_some() || !entry.replacement.targets.is_empty() {
        let text = "a replacement has either `path` or `source` and `targets`, not both";
        return Err(Problem::at(path.pos, text).into());
    }
    let documents = parse_settings(&context.files.load(path)?)?;
    let mut decoder = Decoder::new(Temper::Lenient);
    match documents.first().map(|document| (&document.kind, document)) {
        Some((Kind::Seq(items), _)) => {
            let specs = items
                .iter()
                .filter_map(|item| read::replacement(&mut decoder, item));
            loaded.extend(specs.collect::<Vec<_>>());
        }
        Some((Kind::Map(_), document)) => loaded.extend(read::replacement(&mut decoder, document)),
        _ => {
            let text = format!(
                "`{}` holds neither a replacement nor a list of them",
                path.value
            );
            return Err(Problem::at(path.pos, text).into());
        }
    }
    decoder.finish(())
}

fn carry_out(
    replacement: &ReplacementSpec,
    objects: &mut ObjectSet,
    context: &Context<'_>,
) -> Outcome {
    let value = match (&replacement.source, &replacement.source_value) {
        _ if replacement.targets.is_empty() => return Err(incomplete(replacement).into()),
        (None, None) => return Err(incomplete(replacement).into()),
        (Some(_), Some(value)) => {
            let text = "a replacement has either `source` or `sourceValue`, not both";
            return Err(Problem::at(value.pos, text).into());
        }
        (None, Some(value)) => literal(value),
        (Some(source), None) => value_of(source, objects)?,
    };
    for target in &replacement.targets {
        let target = Target::new(target)?;
        for object in objects.iter_mut() {
            if target.is_for(object, context) {
                target.write(&mut object.node, &value)?;
            }
        }
    }
    Ok(())
}

fn incomplete(replacement: &ReplacementSpec) -> Problem {
    let text = "a replacement must have a source and at least one target";
    Problem::at(replacement.pos, text)
}

/// A value nobody has given a meaning: what it means follows from where it is written.
fn literal(value: &Text) -> Node {
    Node::scalar(
        value.value.as_str(),
        yaml::meaning(&value.value),
        krm::Style::Plain,
        value.pos,
    )
}

/// The value a source names.
fn value_of(source: &SourceSelector, objects: &ObjectSet) -> Result<Node, Problem> {
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
        scalar.text = part.to_owned();
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

/// One entry of `targets`, ready for use.
struct Target<'t> {
    spec: &'t TargetSelector,
    select: Matcher,
    reject: Vec<(&'t Selector, Matcher)>,
}

impl<'t> Target<'t> {
    fn new(spec: &'t TargetSelector) -> Result<Self, Problem> {
        let select = spec
            .select
            .as_ref()
            .ok_or_else(|| Problem::at(spec.pos, "a target must say which objects to `select`"))?;
        let reject = spec.reject.iter();
        Ok(Self {
            spec,
            select: Matcher::new(select)?,
            reject: reject
                .map(|selector| Ok((selector, Matcher::new(selector)?)))
                .collect::<Result<_, Problem>>()?,
        })
    }

    fn is_for(&self, object: &Resource, context: &Context<'_>) -> bool {
        let now = object.id(&context.schema);
        let ids: Vec<_> = [(now, object.node.namespace())]
            .into_iter()
            .chain(object.former_ids().map(|id| (id, id.namespace)))
            .collect();
        let any = |matcher: &Matcher| ids.iter().any(|(id, space)| matcher.fits_id(*id, space));
        let rejected = self.reject.iter().any(|(selector, matcher)| {
            (!selector.marks_nothing() && matcher.fits_marks(&object.node))
                || (!selector.names_nothing() && any(matcher))
        });
        !rejected && self.select.fits_marks(&object.node) && any(&self.select)
    }

    fn write(&self, object: &mut Node, value: &Node) -> Result<(), Problem> {
        let default = [Text {
            value: DEFAULT_FIELD.to_owned(),
            pos: self.spec.pos,
            style: krm::Style::Plain,
        }];
        let paths = match self.spec.field_paths.as_slice() {
            [] => &default,
            paths => paths,
        };
        for path in paths {
            let parts = field_path::split(&path.value);
            if !structured::write(object, &parts, value, self) {
                self.write_at(object, &parts, value)
                    .map_err(|failure| failure.at(path))?;
            }
        }
        Ok(())
    }

    fn write_at(
        &self,
        object: &mut Node,
        path: &[String],
        value: &Node,
    ) -> Result<(), WriteFailure> {
        let places = target::find(object, path, self.create(value))?;
        if places.is_empty() {
            return Err(WriteFailure::Missing);
        }
        for place in places {
            match place {
                Place::At(way) | Place::Fresh(way) if follow(object, &way).is_none() => {}
                Place::At(way) => self.set(follow(object, &way), value)?,
                Place::Fresh(way) => {
                    self.set(follow(object, &way), value)?;
                    settle(follow(object, &way));
                }
                Place::Aside(mut node) => self.set(Some(&mut node), value)?,
            }
        }
        Ok(())
    }

    fn create(&self, value: &Node) -> Create {
        match &self.spec.options {
            Some(options) if options.create => Create::for_value(value),
            _ => Create::Nothing,
        }
    }

    /// Writes `value`, or between the delimiters the part that is asked for. Of a scalar only the text changes:
    /// it stays a number or a string.
    fn set(&self, field: Option<&mut Node>, value: &Node) -> Result<(), WriteFailure> {
        let Some(field) = field else { return Ok(()) };
        let mut text = field_path::raw(value).to_owned();
        let options = self.spec.options.as_ref();
        if let Some(options) = options.filter(|options| !options.delimiter.is_empty()) {
            let old = field.text().ok_or(WriteFailure::NotScalar)?;
            let part = match value.is_null() {
                true => "",
                false => &text,
            };
            text = with_part(old, options, part);
        }
        match field.as_scalar_mut() {
            Some(scalar) => {
                scalar.text = text;
                field.pos = value.pos;
            }
            None => *field = value.clone(),
        }
        Ok(())
    }
}

/// Why a value could not be written.
enum WriteFailure {
    Path(PathError),
    Missing,
    NotScalar,
}

impl From<PathError> for WriteFailure {
    fn from(error: PathError) -> Self {
        Self::Path(error)
    }
}

impl WriteFailure {
    fn at(self, path: &Text) -> Problem {
        let pos = path.pos;
        let path = &path.value;
        match self {
            Self::Path(error) => Problem::at(pos, format!("cannot follow `{path}`: {error}")),
            Self::Missing => Problem::at(pos, format!("the target has no field `{path}`"))
                .hint("`options: {create: true}` makes it"),
            Self::NotScalar => Problem::at(
                pos,
                format!("`{path}` is a map or list, so it has no parts between delimiters"),
            ),
        }
    }
}

/// Before the first part for a negative index, after the last for one that is too large.
fn with_part(old: &str, options: &FieldOptions, part: &str) -> String {
    let mut parts: Vec<_> = old.split(&options.delimiter).collect();
    match usize::try_from(options.index) {
        Err(_) => parts.insert(0, part),
        Ok(index) => match parts.get_mut(index) {
            Some(old) => *old = part,
            None => parts.push(part),
        },
    }
    parts.join(&options.delimiter)
}

/// Gives a scalar that was just made the meaning of its text.
fn settle(field: Option<&mut Node>) {
    if let Some(scalar) = field.and_then(Node::as_scalar_mut) {
        scalar.tag = match scalar.text.contains('\n') {
            true => Tag::Str,
            false => yaml::meaning(&scalar.text),
        };
    }
}
