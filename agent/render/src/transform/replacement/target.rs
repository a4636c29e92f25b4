//! One entry of `targets`: which objects it is for, and how the value gets into their fields.

use krm::{Node, Pos, Style};

use super::{
    DEFAULT_FIELD,
    search::{self, Create, Place},
    source::Seen,
    structured,
};
use crate::{
    field_path::{self, PathError, follow},
    model::{FieldOptions, Selector, TargetSelector, Text},
    problem::Problem,
    resource::Resource,
    selector::Matcher,
    transform::Context,
};

/// One entry of `targets`, ready for use.
pub(super) struct Target<'t> {
    spec: &'t TargetSelector,
    rule: Pos,
    select: Matcher,
    reject: Vec<(&'t Selector, Matcher)>,
}

impl<'t> Target<'t> {
    /// `rule` is where the replacement is written.
    pub(super) fn new(spec: &'t TargetSelector, rule: Pos) -> Result<Self, Problem> {
        let select = spec
            .select
            .as_ref()
            .ok_or_else(|| Problem::at(spec.pos, "a target must say which objects to `select`"))?;
        let reject = spec.reject.iter();
        Ok(Self {
            spec,
            rule,
            select: Matcher::new(select)?,
            reject: reject
                .map(|selector| Ok((selector, Matcher::new(selector)?)))
                .collect::<Result<_, Problem>>()?,
        })
    }

    pub(super) fn is_for(&self, object: &Resource, context: &Context<'_>) -> bool {
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

    pub(super) fn write(&self, object: &mut Resource, value: &mut Seen<'_>) -> Result<(), Problem> {
        let default = [Text {
            value: DEFAULT_FIELD.to_owned(),
            pos: self.spec.pos,
            style: Style::Plain,
        }];
        let paths = match self.spec.field_paths.as_slice() {
            [] => &default,
            paths => paths,
        };
        for path in paths {
            let parts = field_path::split(&path.value);
            if !structured::write(&mut object.node, &parts, value.node, self) {
                self.write_at(object, &parts, value)
                    .map_err(|failure| failure.at(path))?;
            }
            object.shared.sync(&mut object.node);
        }
        Ok(())
    }

    fn write_at(
        &self,
        object: &mut Resource,
        path: &[String],
        value: &mut Seen<'_>,
    ) -> Result<(), WriteFailure> {
        let node = &mut object.node;
        let places = search::find(node, path, self.create(value.node))?;
        if places.is_empty() {
            return Err(WriteFailure::Missing);
        }
        for place in places {
            match place {
                Place::At(way) => {
                    self.set(follow(node, &way), value.node)?;
                    if value.home == Some(&way)
                        && let Some(now) = follow(node, &way)
                    {
                        value.node.clone_from(now);
                    }
                }
                Place::Aside(mut node) => self.set(Some(&mut node), value.node)?,
            }
        }
        Ok(())
    }

    /// Where the replacement is written.
    pub(super) fn rule(&self) -> Pos {
        self.rule
    }

    pub(super) fn create(&self, value: &Node) -> Create {
        match &self.spec.options {
            Some(options) if options.create => Create::for_value(value),
            _ => Create::Nothing,
        }
    }

    /// Writes `value`, or between the delimiters the part that is asked for. Of a scalar only the text changes:
    /// it stays a number or a string.
    pub(super) fn set(&self, field: Option<&mut Node>, value: &Node) -> Result<(), WriteFailure> {
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
                scalar.set_text(text);
                field.pos = value.pos;
            }
            None => field.put(value.clone()),
        }
        field.set_rule(Some(self.rule));
        Ok(())
    }
}

/// Why a value could not be written.
pub(super) enum WriteFailure {
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
